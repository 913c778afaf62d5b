package main

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const answerBytesMax = 64 << 20

type server struct {
	base   string
	client http.Client
	vkey   note.Verifier
	// What was checked.
	heads, receipts, consistencies, refused int
}

// head is what a checkpoint signed by the log says.
type head struct {
	size int64
	root tlog.Hash
}

func (s *server) get(path string) ([]byte, error) {
	answer, err := s.client.Get(s.base + path)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, answerBytesMax))
	if err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("GET %s: %s: %s", path, answer.Status, body)
	}
	return body, nil
}

func (s *server) getJSON(path string, into interface{}) error {
	body, err := s.get(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("GET %s: %v", path, err)
	}
	return nil
}

// getItems walks a list to its end.
func (s *server) getItems(path string, each func(item json.RawMessage) error) error {
	cursor := ""
	for {
		var page struct {
			Items      []json.RawMessage
			NextCursor *string `json:"next_cursor"`
		}
		query := "?limit=1000"
		if cursor != "" {
			query += "&cursor=" + url.QueryEscape(cursor)
		}
		if err := s.getJSON(path+query, &page); err != nil {
			return err
		}
		for _, item := range page.Items {
			if err := each(item); err != nil {
				return err
			}
		}
		if page.NextCursor == nil {
			return nil
		}
		if *page.NextCursor == cursor {
			return fmt.Errorf("GET %s: the cursor does not advance", path)
		}
		cursor = *page.NextCursor
	}
}

// open verifies a checkpoint with x/mod and reads it.
func (s *server) open(checkpoint string) (head, error) {
	var h head
	opened, err := note.Open([]byte(checkpoint), note.VerifierList(s.vkey))
	if err != nil {
		return h, fmt.Errorf("checkpoint: %v", err)
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[3] != "" || lines[0] != s.vkey.Name() {
		return h, fmt.Errorf("not a checkpoint of %s without extension lines: %q", s.vkey.Name(), opened.Text)
	}
	h.size, err = strconv.ParseInt(lines[1], 10, 64)
	if err != nil || strconv.FormatInt(h.size, 10) != lines[1] {
		return h, fmt.Errorf("checkpoint with the size %q", lines[1])
	}
	root, err := base64.StdEncoding.Strict().DecodeString(lines[2])
	if err != nil || len(root) != tlog.HashSize {
		return h, fmt.Errorf("checkpoint with the root %q", lines[2])
	}
	copy(h.root[:], root)
	changed := strings.Replace(checkpoint, lines[2], base64.StdEncoding.EncodeToString(make([]byte, 32)), 1)
	if _, err := note.Open([]byte(changed), note.VerifierList(s.vkey)); err == nil {
		return h, fmt.Errorf("a changed checkpoint is accepted")
	}
	s.heads++
	s.refused++
	return h, nil
}

func (s *server) checkReceipt(hash string) error {
	var proof struct {
		LeafIndex  int64 `json:"leaf_index"`
		Entry      string
		LeafHash   string `json:"leaf_hash"`
		Path       []string
		Checkpoint *string
	}
	if err := s.getJSON("/v1/receipts/"+hash+"/proof", &proof); err != nil {
		return err
	}
	entry, err := hex.DecodeString(proof.Entry)
	if err != nil || len(entry) != 128 {
		return fmt.Errorf("receipt %s: the entry is not 128 bytes of hex", hash)
	}
	if hex.EncodeToString(entry[:32]) != hash {
		return fmt.Errorf("receipt %s: the entry is another receipt's", hash)
	}
	leaf := tlog.RecordHash(entry)
	if hex.EncodeToString(leaf[:]) != proof.LeafHash {
		return fmt.Errorf("receipt %s: the leaf hash is not the entry's", hash)
	}
	if proof.Checkpoint == nil {
		return fmt.Errorf("receipt %s: no checkpoint in the default proof", hash)
	}
	h, err := s.open(*proof.Checkpoint)
	if err != nil {
		return err
	}
	path, err := parsePath(proof.Path)
	if err != nil {
		return err
	}
	refused, err := checkRecord(path, h.size, h.root, proof.LeafIndex, leaf)
	if err != nil {
		return fmt.Errorf("receipt %s: %v", hash, err)
	}
	s.receipts++
	s.refused += refused
	return nil
}

func (s *server) checkConsistency(from, to head) error {
	var answer struct {
		From, To int64
		RootFrom string `json:"root_from"`
		RootTo   string `json:"root_to"`
		Path     []string
	}
	query := fmt.Sprintf("/v1/consistency?from=%d&to=%d", from.size, to.size)
	if err := s.getJSON(query, &answer); err != nil {
		return err
	}
	if answer.From != from.size || answer.To != to.size ||
		answer.RootFrom != hex.EncodeToString(from.root[:]) ||
		answer.RootTo != hex.EncodeToString(to.root[:]) {
		return fmt.Errorf("GET %s: not the sizes and roots of the checkpoints", query)
	}
	path, err := parsePath(answer.Path)
	if err != nil {
		return err
	}
	refused, err := checkTree(path, to.size, to.root, from.size, from.root)
	if err != nil {
		return err
	}
	s.consistencies++
	s.refused += refused
	return nil
}

// checkEpochs returns the heads at the ends of all finalized epochs.
func (s *server) checkEpochs() ([]head, error) {
	var heads []head
	err := s.getItems("/v1/epochs", func(item json.RawMessage) error {
		var epoch struct {
			Epoch      int64
			EndLeaf    int64 `json:"end_leaf"`
			Status     string
			Checkpoint *string
		}
		if err := json.Unmarshal(item, &epoch); err != nil {
			return err
		}
		if epoch.Status != "finalized" {
			return nil
		}
		if epoch.Checkpoint == nil {
			return fmt.Errorf("epoch %d is finalized without a checkpoint", epoch.Epoch)
		}
		h, err := s.open(*epoch.Checkpoint)
		if err != nil {
			return fmt.Errorf("epoch %d: %v", epoch.Epoch, err)
		}
		if h.size != epoch.EndLeaf {
			return fmt.Errorf("epoch %d ends at %d, its checkpoint at %d", epoch.Epoch, epoch.EndLeaf, h.size)
		}
		heads = append(heads, h)
		return nil
	})
	return heads, err
}

func (s *server) checkHeads(heads []head, last head) error {
	heads = append(heads, last)
	for i := 1; i < len(heads); i++ {
		if err := s.checkConsistency(heads[i-1], heads[i]); err != nil {
			return err
		}
	}
	return s.checkConsistency(heads[0], last)
}

func newServer(base string) *server {
	return &server{base: strings.TrimSuffix(base, "/"), client: http.Client{Timeout: 30 * time.Second}}
}

func checkServer(base string) error {
	s := newServer(base)
	var log struct{ Vkey string }
	if err := s.getJSON("/v1/log", &log); err != nil {
		return err
	}
	var err error
	if s.vkey, err = note.NewVerifier(log.Vkey); err != nil {
		return fmt.Errorf("vkey %q: %v", log.Vkey, err)
	}
	heads, err := s.checkEpochs()
	if err != nil {
		return err
	}
	err = s.getItems("/v1/epochs/0/receipts", func(item json.RawMessage) error {
		var placement struct {
			Hash string `json:"receipt_hash"`
		}
		if err := json.Unmarshal(item, &placement); err != nil {
			return err
		}
		return s.checkReceipt(placement.Hash)
	})
	if err != nil {
		return err
	}
	checkpoint, err := s.get("/checkpoint")
	if err != nil {
		return err
	}
	last, err := s.open(string(checkpoint))
	if err != nil {
		return err
	}
	if err := s.checkHeads(heads, last); err != nil {
		return err
	}
	if s.receipts == 0 || len(heads) == 0 {
		return fmt.Errorf("%s has no finalized epoch to check", base)
	}
	fmt.Printf("server: %d checkpoints, %d receipts and %d consistency proofs accepted, "+
		"%d changed ones refused\n", s.heads, s.receipts, s.consistencies, s.refused)
	return nil
}
