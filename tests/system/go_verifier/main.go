// A stranger's verifier: it shares no code with Athanor, only the formats, and uses golang.org/x/mod/sumdb alone.
//
// Usage: go_verifier LEDGER VKEY OLD_CHECKPOINT PROOF CONSISTENCY
//
//	go_verifier PARCEL VKEY
//
// With two arguments it checks a whole file of `athanor ledger export` (see parcel.go).
//
// It opens LEDGER/checkpoint and OLD_CHECKPOINT with VKEY, proves inclusion of the entry in PROOF (a .tlog-proof) and
// consistency with the old checkpoint from the tiles of LEDGER, which are authenticated on the way, and checks the
// proofs that were made elsewhere: the path in PROOF and the base64 lines in CONSISTENCY. On success it prints JSON.
package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func try(err error, doing string) {
	if err != nil {
		log.Fatalf("%s: %v", doing, err)
	}
}

// open checks the signature of a checkpoint and reads its three lines.
func open(message []byte, vkey string) (origin string, tree tlog.Tree, text string) {
	verifier, err := note.NewVerifier(vkey)
	try(err, "verifier key")
	opened, err := note.Open(message, note.VerifierList(verifier))
	try(err, "opening the checkpoint")
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[3] != "" {
		log.Fatalf("a checkpoint has three lines: %q", opened.Text)
	}
	tree.N, err = strconv.ParseInt(lines[1], 10, 64)
	try(err, "size")
	tree.Hash, err = tlog.ParseHash(lines[2])
	try(err, "root")
	return lines[0], tree, opened.Text
}

// files reads tiles as C2SP lays them out: Go's own paths have the height of the tile in them.
type files string

func (files) Height() int { return 8 }

func (dir files) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var contents [][]byte
	for _, tile := range tiles {
		path := strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
		content, err := os.ReadFile(filepath.Join(string(dir), path))
		if os.IsNotExist(err) && tile.W < 256 { // the full tile holds the partial one
			full := tile
			full.W = 256
			content, err = os.ReadFile(filepath.Join(string(dir), strings.Replace(full.Path(), "tile/8/", "tile/", 1)))
			if err == nil {
				content = content[:tile.W*tlog.HashSize]
			}
		}
		if err != nil {
			return nil, err
		}
		contents = append(contents, content)
	}
	return contents, nil
}

func (files) SaveTiles([]tlog.Tile, [][]byte) {}

func hashes(lines []string) (proof []tlog.Hash) {
	for _, line := range lines {
		hash, err := tlog.ParseHash(line)
		try(err, "hash of a proof")
		proof = append(proof, hash)
	}
	return proof
}

func main() {
	log.SetFlags(0)
	if len(os.Args) == 3 {
		parcel(os.Args[1], os.Args[2])
		return
	}
	if len(os.Args) != 6 {
		log.Fatal("usage: go_verifier LEDGER VKEY OLD_CHECKPOINT PROOF CONSISTENCY, or PARCEL VKEY")
	}
	ledger, vkey := os.Args[1], os.Args[2]
	read := func(path string) []byte {
		content, err := os.ReadFile(path)
		try(err, "reading")
		return content
	}

	origin, tree, _ := open(read(filepath.Join(ledger, "checkpoint")), vkey)
	oldOrigin, old, _ := open(read(os.Args[3]), vkey)
	if origin != oldOrigin {
		log.Fatalf("two logs: %s and %s", origin, oldOrigin)
	}

	// the proof file: header, extra (the entry), index, path, empty line, checkpoint
	parts := strings.SplitN(string(read(os.Args[4])), "\n\n", 2)
	lines := strings.Split(parts[0], "\n")
	if lines[0] != "c2sp.org/tlog-proof@v1" {
		log.Fatalf("no proof: %q", lines[0])
	}
	entry, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(lines[1], "extra "))
	try(err, "entry")
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[2], "index "), 10, 64)
	try(err, "index")
	_, proved, _ := open([]byte(parts[1]), vkey)
	leaf := tlog.RecordHash(entry)
	try(tlog.CheckRecord(tlog.RecordProof(hashes(lines[3:])), proved.N, proved.Hash, index, leaf), "their inclusion proof")

	reader := tlog.TileHashReader(tree, files(ledger))
	inclusion, err := tlog.ProveRecord(tree.N, index, reader)
	try(err, "inclusion proof from the tiles")
	try(tlog.CheckRecord(inclusion, tree.N, tree.Hash, index, leaf), "inclusion")

	consistency, err := tlog.ProveTree(tree.N, old.N, reader)
	try(err, "consistency proof from the tiles")
	try(tlog.CheckTree(consistency, tree.N, tree.Hash, old.N, old.Hash), "consistency")
	theirs := hashes(strings.Fields(string(read(os.Args[5]))))
	try(tlog.CheckTree(tlog.TreeProof(theirs), tree.N, tree.Hash, old.N, old.Hash), "their consistency proof")

	told, err := json.Marshal(map[string]interface{}{
		"origin": origin, "size": tree.N, "root": fmt.Sprintf("%x", tree.Hash[:]), "old": old.N, "index": index,
		"inclusion": len(inclusion), "consistency": len(consistency),
	})
	try(err, "JSON")
	fmt.Println(string(told))
}
