// Audits a log directory with the code of Go's checksum database, which we did not write: the signature, every entry
// against the signed root, proofs of single entries, and with a second argument the proof that an older checkpoint is
// the beginning of this one. Prints `ok SIZE`, or says what is wrong and ends with 1.
//
// It is built by testkit/install in a copy of the packages that come with the Go toolchain.
package main

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func main() {
	if len(os.Args) != 2 && len(os.Args) != 3 {
		fail(errors.New("usage: audit DIR [OLDER-CHECKPOINT]"))
	}
	if err := audit(os.Args[1], os.Args[2:]); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func audit(dir string, older []string) error {
	key, err := os.ReadFile(filepath.Join(dir, "log.pub"))
	if err != nil {
		return err
	}
	verifier, err := note.NewVerifier(strings.TrimSpace(string(key)))
	if err != nil {
		return err
	}
	tree, err := checkpoint(filepath.Join(dir, "checkpoint"), verifier)
	if err != nil {
		return err
	}
	hashes := tlog.TileHashReader(tree, files{dir})
	if tree.N > 0 {
		root, err := tlog.TreeHash(tree.N, hashes)
		if err != nil {
			return err
		}
		if root != tree.Hash {
			return errors.New("the tiles do not lead to the signed root")
		}
	}
	for first := int64(0); first < tree.N; first += 256 {
		if err := bundle(dir, first, tree, hashes); err != nil {
			return err
		}
	}
	if len(older) == 1 {
		old, err := checkpoint(older[0], verifier)
		if err != nil {
			return err
		}
		proof, err := tlog.ProveTree(tree.N, old.N, hashes)
		if err != nil {
			return err
		}
		if err := tlog.CheckTree(proof, tree.N, tree.Hash, old.N, old.Hash); err != nil {
			return fmt.Errorf("the older checkpoint is not the beginning: %w", err)
		}
	}
	fmt.Println("ok", tree.N)
	return nil
}

// checkpoint reads a signed checkpoint: origin, size and root, one a line.
func checkpoint(path string, verifier note.Verifier) (tlog.Tree, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return tlog.Tree{}, err
	}
	opened, err := note.Open(data, note.VerifierList(verifier))
	if err != nil {
		return tlog.Tree{}, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) < 4 || lines[0] != verifier.Name() {
		return tlog.Tree{}, errors.New("not a checkpoint of this log")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return tlog.Tree{}, err
	}
	root, err := base64.StdEncoding.DecodeString(lines[2])
	if err != nil || len(root) != tlog.HashSize {
		return tlog.Tree{}, errors.New("the root is not a hash")
	}
	tree := tlog.Tree{N: size}
	copy(tree.Hash[:], root)
	return tree, nil
}

// bundle checks up to 256 entries, each by the hash of its record, and one of them by a proof of its own.
func bundle(dir string, first int64, tree tlog.Tree, hashes tlog.HashReader) error {
	count := min(256, tree.N-first)
	tile := tlog.Tile{H: 8, L: -1, N: first / 256, W: int(count)}
	name := strings.Replace(tile.Path(), "tile/8/data/", "tile/entries/", 1)
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return err
	}
	var indexes []int64
	var records []tlog.Hash
	for index := first; index < first+count; index++ {
		if len(data) < 2 || len(data) < 2+int(binary.BigEndian.Uint16(data)) {
			return fmt.Errorf("%s ends inside of entry %d", name, index)
		}
		length := 2 + int(binary.BigEndian.Uint16(data))
		records = append(records, tlog.RecordHash(data[2:length]))
		indexes = append(indexes, tlog.StoredHashIndex(0, index))
		data = data[length:]
	}
	if len(data) > 0 {
		return fmt.Errorf("%s has bytes behind its entries", name)
	}
	signed, err := hashes.ReadHashes(indexes)
	if err != nil {
		return err
	}
	for at := range signed {
		if signed[at] != records[at] {
			return fmt.Errorf("entry %d is not the one in the tree", first+int64(at))
		}
	}
	last := first + count - 1
	proof, err := tlog.ProveRecord(tree.N, last, hashes)
	if err != nil {
		return err
	}
	return tlog.CheckRecord(proof, tree.N, tree.Hash, last, records[count-1])
}

// files reads tiles from the directory. What is read is checked by whoever asked.
type files struct{ dir string }

func (files) Height() int { return 8 }

func (f files) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, tile := range tiles {
		name := strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
		data, err := os.ReadFile(filepath.Join(f.dir, name))
		if err != nil {
			return nil, err
		}
		all = append(all, data)
	}
	return all, nil
}

func (files) SaveTiles([]tlog.Tile, [][]byte) {}
