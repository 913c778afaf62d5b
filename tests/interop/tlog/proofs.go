package main

import (
	"encoding/hex"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

func parseHash(text string) (tlog.Hash, error) {
	var h tlog.Hash
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw) != tlog.HashSize || hex.EncodeToString(raw) != text {
		return h, fmt.Errorf("not a lower-case hex hash: %q", text)
	}
	copy(h[:], raw)
	return h, nil
}

func parsePath(texts []string) ([]tlog.Hash, error) {
	path := []tlog.Hash{}
	for _, text := range texts {
		h, err := parseHash(text)
		if err != nil {
			return nil, err
		}
		path = append(path, h)
	}
	return path, nil
}

// flipped is path with one bit of element i changed.
func flipped(path []tlog.Hash, i int) []tlog.Hash {
	other := append([]tlog.Hash{}, path...)
	other[i][(7*i+3)%tlog.HashSize] ^= 1 << uint(i%8)
	return other
}

func flip(h tlog.Hash) tlog.Hash {
	h[11] ^= 0x10
	return h
}

// checkRecord verifies an inclusion proof, and that every proof with a bit changed is refused. It
// returns how many refusals it has seen.
func checkRecord(path []tlog.Hash, size int64, root tlog.Hash, index int64, leaf tlog.Hash) (int, error) {
	if err := tlog.CheckRecord(path, size, root, index, leaf); err != nil {
		return 0, fmt.Errorf("inclusion of %d in %d: %v", index, size, err)
	}
	if tlog.CheckRecord(path, size, flip(root), index, leaf) == nil ||
		tlog.CheckRecord(path, size, root, index, flip(leaf)) == nil {
		return 0, fmt.Errorf("inclusion of %d in %d: a changed hash is accepted", index, size)
	}
	for i := range path {
		if tlog.CheckRecord(flipped(path, i), size, root, index, leaf) == nil {
			return 0, fmt.Errorf("inclusion of %d in %d: changed hash %d is accepted", index, size, i)
		}
	}
	return 2 + len(path), nil
}

// checkTree is checkRecord for a consistency proof from old to size.
func checkTree(path []tlog.Hash, size int64, root tlog.Hash, old int64, oldRoot tlog.Hash) (int, error) {
	if err := tlog.CheckTree(path, size, root, old, oldRoot); err != nil {
		return 0, fmt.Errorf("consistency from %d to %d: %v", old, size, err)
	}
	if tlog.CheckTree(path, size, flip(root), old, oldRoot) == nil ||
		tlog.CheckTree(path, size, root, old, flip(oldRoot)) == nil {
		return 0, fmt.Errorf("consistency from %d to %d: a changed root is accepted", old, size)
	}
	for i := range path {
		if tlog.CheckTree(flipped(path, i), size, root, old, oldRoot) == nil {
			return 0, fmt.Errorf("consistency from %d to %d: changed hash %d is accepted", old, size, i)
		}
	}
	return 2 + len(path), nil
}

func equal(a, b []tlog.Hash) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}
