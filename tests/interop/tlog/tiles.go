package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const (
	tileHeight  = 8 // C2SP tlog-tiles has no other
	entryBytes  = 128
	leavesChunk = 1024
)

// A tile client on x/mod's TileHashReader: it verifies every tile against the signed root; ours
// are the paths (C2SP's, where x/mod has the height in them) and the entry bundles.
type tileClient struct {
	source func(path string) ([]byte, error)
	vkey   note.Verifier
	read   map[string][]byte // what the source gave, by C2SP path
}

// c2spPath translates x/mod's tile/8/L/N into tile/L/N.
func c2spPath(tile tlog.Tile) string {
	return "tile/" + strings.TrimPrefix(tile.Path(), fmt.Sprintf("tile/%d/", tileHeight))
}

// bundlePath is that of the entries below a tile of level 0.
func bundlePath(tile tlog.Tile) string {
	return "tile/entries/" + strings.TrimPrefix(c2spPath(tile), "tile/0/")
}

func (c *tileClient) get(path string) ([]byte, error) {
	data, err := c.source(path)
	if err == nil {
		c.read[path] = data
	}
	return data, err
}

// Height, ReadTiles and SaveTiles make it a tlog.TileReader.
func (c *tileClient) Height() int { return tileHeight }

func (c *tileClient) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, tile := range tiles {
		data, err := c.get(c2spPath(tile))
		if err != nil {
			return nil, err
		}
		if len(data) != tile.W*tlog.HashSize {
			return nil, fmt.Errorf("%s has %d bytes", c2spPath(tile), len(data))
		}
		all = append(all, data)
	}
	return all, nil
}

func (c *tileClient) SaveTiles([]tlog.Tile, [][]byte) {}

// tilesOf lists the tiles that a tree is made of: full ones, and the one each level ends in. (x/mod's
// NewTiles lists every partial tile on the way there as well.)
func tilesOf(size int64) []tlog.Tile {
	var tiles []tlog.Tile
	for level := 0; size > 0; level, size = level+1, size>>tileHeight {
		for n := int64(0); n<<tileHeight < size; n++ {
			width := size - n<<tileHeight
			if width > 1<<tileHeight {
				width = 1 << tileHeight
			}
			tiles = append(tiles, tlog.Tile{H: tileHeight, L: level, N: n, W: int(width)})
		}
	}
	return tiles
}

// checkBundle takes an entry bundle apart and hashes each entry into its leaf.
func (c *tileClient) checkBundle(tile tlog.Tile, leaves []tlog.Hash) error {
	path := bundlePath(tile)
	data, err := c.get(path)
	if err != nil {
		return err
	}
	for i := 0; i < tile.W; i++ {
		if len(data) < 2 || len(data) < 2+int(binary.BigEndian.Uint16(data)) {
			return fmt.Errorf("%s ends in entry %d", path, i)
		}
		length := int(binary.BigEndian.Uint16(data))
		if length != entryBytes {
			return fmt.Errorf("%s: entry %d has %d bytes", path, i, length)
		}
		if tlog.RecordHash(data[2:2+length]) != leaves[i] {
			return fmt.Errorf("%s: entry %d is not what the tree was made of", path, i)
		}
		data = data[2+length:]
	}
	if len(data) != 0 {
		return fmt.Errorf("%s has more after its last entry", path)
	}
	return nil
}

// walk reads the whole log of a head: every tile, every entry.
func (c *tileClient) walk(h head) error {
	if h.size == 0 {
		return nil
	}
	reader := tlog.TileHashReader(tlog.Tree{N: h.size, Hash: h.root}, c)
	leaves := make([]tlog.Hash, 0, h.size)
	for int64(len(leaves)) < h.size {
		var indexes []int64
		for i := int64(len(leaves)); i < h.size && len(indexes) < leavesChunk; i++ {
			indexes = append(indexes, tlog.StoredHashIndex(0, i))
		}
		hashes, err := reader.ReadHashes(indexes)
		if err != nil {
			return err
		}
		leaves = append(leaves, hashes...)
	}
	// What is left above them: the tiles in which the upper levels end.
	root, err := tlog.TreeHash(h.size, reader)
	if err != nil {
		return err
	}
	if root != h.root {
		return fmt.Errorf("the tiles of size %d give another root", h.size)
	}
	for _, tile := range tilesOf(h.size) {
		if _, ok := c.read[c2spPath(tile)]; !ok {
			return fmt.Errorf("%s was not looked at", c2spPath(tile))
		}
		if tile.L > 0 {
			continue
		}
		if err := c.checkBundle(tile, leaves[tile.N<<tileHeight:]); err != nil {
			return err
		}
	}
	return nil
}

// consistency proves, from tiles, that the tree goes on from an older head.
func (c *tileClient) consistency(old, h head) error {
	if old.size == 0 || old.size > h.size {
		return fmt.Errorf("no older head: %d, %d", old.size, h.size)
	}
	proof, err := tlog.ProveTree(h.size, old.size, tlog.TileHashReader(tlog.Tree{N: h.size, Hash: h.root}, c))
	if err != nil {
		return err
	}
	_, err = checkTree(proof, h.size, h.root, old.size, old.root)
	return err
}

// run is the client's whole work: checkpoint, log, consistency with the older head.
func (c *tileClient) run(old head) (head, error) {
	c.read = map[string][]byte{}
	s := &server{vkey: c.vkey}
	checkpoint, err := c.get("checkpoint")
	if err != nil {
		return head{}, err
	}
	h, err := s.open(string(checkpoint))
	if err != nil {
		return head{}, err
	}
	if err := c.walk(h); err != nil {
		return head{}, err
	}
	return h, c.consistency(old, h)
}

// kind of a file: checkpoint, or level and whether it is partial.
func kind(path string) string {
	parts := strings.Split(path, "/")
	name := parts[0]
	if len(parts) > 1 {
		name += "/" + parts[1]
	}
	if strings.Contains(path, ".p/") {
		name += " partial"
	}
	return name
}

// checkTampered changes one byte at a time and must fail each time: at the ends and in the middle of
// files of each kind.
func checkTampered(vkey note.Verifier, files map[string][]byte, old head) (int, []string, error) {
	const perKind = 6
	var paths, kinds []string
	for path := range files {
		paths = append(paths, path)
	}
	sort.Strings(paths)
	seen := map[string]int{}
	refused := 0
	for _, path := range paths {
		if seen[kind(path)]++; seen[kind(path)] > perKind {
			continue
		}
		if seen[kind(path)] == 1 {
			kinds = append(kinds, kind(path))
		}
		data := files[path]
		for _, at := range []int{0, 1, len(data) / 3, len(data) / 2, len(data) - 1} {
			changed := bytes.Clone(data)
			changed[at] ^= 1 << uint(at%7)
			client := &tileClient{vkey: vkey, source: func(name string) ([]byte, error) {
				if name == path {
					return changed, nil
				}
				if data, ok := files[name]; ok {
					return data, nil
				}
				return nil, fmt.Errorf("no %s", name)
			}}
			if _, err := client.run(old); err == nil {
				return 0, nil, fmt.Errorf("%s with another byte %d is accepted", path, at)
			}
			refused++
		}
	}
	return refused, kinds, nil
}

func sourceOf(base string) func(string) ([]byte, error) {
	if strings.HasPrefix(base, "http://") || strings.HasPrefix(base, "https://") {
		s := newServer(base)
		return func(path string) ([]byte, error) { return s.get("/" + path) }
	}
	return func(path string) ([]byte, error) {
		return os.ReadFile(filepath.Join(base, filepath.FromSlash(path)))
	}
}

// checkTiles walks the log at base, an URL or a folder, as it is now and as the older checkpoint in
// the file oldName says it was.
func checkTiles(base, vkeyName, oldName string) error {
	text, err := os.ReadFile(vkeyName)
	if err != nil {
		return err
	}
	vkey, err := note.NewVerifier(strings.TrimSpace(string(text)))
	if err != nil {
		return fmt.Errorf("vkey %q: %v", text, err)
	}
	checkpoint, err := os.ReadFile(oldName)
	if err != nil {
		return err
	}
	old, err := (&server{vkey: vkey}).open(string(checkpoint))
	if err != nil {
		return err
	}
	client := &tileClient{vkey: vkey, source: sourceOf(base)}
	h, err := client.run(old)
	if err != nil {
		return err
	}
	files := client.read
	refused, kinds, err := checkTampered(vkey, files, old)
	if err != nil {
		return err
	}
	wrong := old
	wrong.root = flip(old.root)
	if client.consistency(wrong, h) == nil {
		return fmt.Errorf("an older head with another root is accepted")
	}
	// And the tiles that the older head ended in are there still.
	before := &tileClient{vkey: vkey, source: client.source, read: map[string][]byte{}}
	if err := before.walk(old); err != nil {
		return fmt.Errorf("at the older size %d: %v", old.size, err)
	}
	fmt.Printf("tiles: %d entries in %d files, consistent with %d entries before (%d files); "+
		"%d changed bytes refused in: %s\n",
		h.size, len(files), old.size, len(before.read), refused, strings.Join(kinds, ", "))
	return nil
}
