package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sort"

	"golang.org/x/mod/sumdb/tlog"
)

type dumpTree struct {
	Size  int64
	Root  string
	Nodes int64
	Peaks []struct {
		Node int64
		Hash string
	}
	Inclusion []struct {
		Index int64
		Path  []string
	}
	Consistency []struct {
		From     int64
		RootFrom string `json:"root_from"`
		Path     []string
	}
}

// store is x/mod's own hash store over the same leaves.
type store struct {
	hashes []tlog.Hash
	leaves int64
}

func (s *store) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		if index >= int64(len(s.hashes)) {
			return nil, fmt.Errorf("no hash %d", index)
		}
		out[i] = s.hashes[index]
	}
	return out, nil
}

func (s *store) grow(leaves int64) error {
	for ; s.leaves < leaves; s.leaves++ {
		more, err := tlog.StoredHashes(s.leaves, []byte(fmt.Sprintf("lucid-leaf-%d", s.leaves)), s)
		if err != nil {
			return err
		}
		s.hashes = append(s.hashes, more...)
	}
	return nil
}

type counts struct {
	trees, peaks, inclusions, consistencies, refused int
}

func (c *counts) root(s *store, tree *dumpTree) (tlog.Hash, error) {
	root, err := parseHash(tree.Root)
	if err != nil {
		return root, err
	}
	// x/mod 0.7 has no hash for the empty tree.
	if tree.Size == 0 {
		if tree.Root != "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" {
			return root, fmt.Errorf("root of the empty tree is %s", tree.Root)
		}
	} else {
		want, err := tlog.TreeHash(tree.Size, s)
		if err != nil {
			return root, err
		}
		if want != root {
			return root, fmt.Errorf("root of size %d is %s", tree.Size, tree.Root)
		}
	}
	if tree.Size > 0 && tlog.StoredHashCount(tree.Size) != tree.Nodes {
		return root, fmt.Errorf("size %d has %d nodes", tree.Size, tree.Nodes)
	}
	for _, peak := range tree.Peaks {
		hash, err := parseHash(peak.Hash)
		if err != nil {
			return root, err
		}
		if peak.Node >= int64(len(s.hashes)) || s.hashes[peak.Node] != hash {
			return root, fmt.Errorf("size %d: peak at node %d is %s", tree.Size, peak.Node, peak.Hash)
		}
		c.peaks++
	}
	c.trees++
	return root, nil
}

func (c *counts) proofs(s *store, tree *dumpTree, root tlog.Hash) error {
	for _, item := range tree.Inclusion {
		path, err := parsePath(item.Path)
		if err != nil {
			return err
		}
		want, err := tlog.ProveRecord(tree.Size, item.Index, s)
		if err != nil {
			return err
		}
		if !equal(path, want) {
			return fmt.Errorf("inclusion of %d in %d is another path", item.Index, tree.Size)
		}
		leaf := s.hashes[tlog.StoredHashIndex(0, item.Index)]
		refused, err := checkRecord(path, tree.Size, root, item.Index, leaf)
		if err != nil {
			return err
		}
		c.inclusions++
		c.refused += refused
	}
	for _, item := range tree.Consistency {
		path, err := parsePath(item.Path)
		if err != nil {
			return err
		}
		old, err := parseHash(item.RootFrom)
		if err != nil {
			return err
		}
		want, err := tlog.ProveTree(tree.Size, item.From, s)
		if err != nil {
			return err
		}
		if !equal(path, want) {
			return fmt.Errorf("consistency from %d to %d is another path", item.From, tree.Size)
		}
		refused, err := checkTree(path, tree.Size, root, item.From, old)
		if err != nil {
			return err
		}
		c.consistencies++
		c.refused += refused
	}
	return nil
}

func checkDump(folder string) error {
	files, err := filepath.Glob(filepath.Join(folder, "*.json"))
	if err != nil {
		return err
	}
	sort.Strings(files)
	var c counts
	s := &store{}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		tree := &dumpTree{}
		if err := json.Unmarshal(data, tree); err != nil {
			return fmt.Errorf("%s: %v", name, err)
		}
		if err := s.grow(tree.Size); err != nil {
			return err
		}
		root, err := c.root(s, tree)
		if err != nil {
			return fmt.Errorf("%s: %v", name, err)
		}
		if err := c.proofs(s, tree, root); err != nil {
			return fmt.Errorf("%s: %v", name, err)
		}
	}
	if c.trees == 0 || c.inclusions == 0 || c.consistencies == 0 {
		return fmt.Errorf("%s holds nothing to check", folder)
	}
	fmt.Printf("dump: %d roots, %d peaks, %d inclusion and %d consistency proofs accepted, "+
		"%d changed ones refused\n", c.trees, c.peaks, c.inclusions, c.consistencies, c.refused)
	return nil
}
