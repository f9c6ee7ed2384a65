package main

import (
	"archive/tar"
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"os"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// parcel checks one file of `athanor ledger export`: the root over all entries is the signed one, every artefact that an
// event names is in the file with its digest and size, and every signature of a speaker on the roll is good.
func parcel(path, vkey string) {
	file, err := os.Open(path)
	try(err, "opening the parcel")
	defer file.Close()
	contents, artefacts := map[string][]byte{}, map[string]int64{}
	for archive := tar.NewReader(file); ; {
		header, err := archive.Next()
		if err == io.EOF {
			break
		}
		try(err, "reading the parcel")
		if header.Typeflag != tar.TypeReg {
			log.Fatalf("%s is no plain file", header.Name)
		}
		if _, known := contents[header.Name]; known {
			log.Fatalf("%s is there twice", header.Name)
		}
		if digest := strings.ReplaceAll(strings.TrimPrefix(header.Name, "blobs/"), "/", ""); strings.HasPrefix(header.Name, "blobs/") {
			hash := sha256.New()
			size, err := io.Copy(hash, archive)
			try(err, header.Name)
			if fmt.Sprintf("%x", hash.Sum(nil)) != digest {
				log.Fatalf("%s does not have the digest that is its name", header.Name)
			}
			artefacts[digest], contents[header.Name] = size, nil
			continue
		}
		contents[header.Name], err = io.ReadAll(archive)
		try(err, header.Name)
	}

	origin, tree, _ := open(contents["checkpoint"], vkey)
	leaves, speakers := make([]tlog.Hash, 0, tree.N), roll{}
	named, signed := map[string]bool{}, 0
	for index := int64(0); index < tree.N; {
		width := tree.N - index
		if width > 256 {
			width = 256
		}
		bundle := contents[bundlePath(index/256, width)]
		for end := index + width; index < end; index++ {
			if len(bundle) < 2 || len(bundle) < 2+int(binary.BigEndian.Uint16(bundle)) {
				log.Fatalf("entry %d is not there", index)
			}
			entry := bundle[2 : 2+binary.BigEndian.Uint16(bundle)]
			bundle = bundle[2+len(entry):]
			leaves = append(leaves, tlog.RecordHash(entry))
			subject, payload := message(index, entry)
			if speakers.check(index, subject, payload) {
				signed++
			}
			for digest, size := range references(payload) {
				if there, found := artefacts[digest]; !found || (size >= 0 && there != size) {
					log.Fatalf("entry %d names the artefact %s of %d bytes, which is not in the parcel", index, digest, size)
				}
				named[digest] = true
			}
		}
		if len(bundle) != 0 {
			log.Fatalf("something stands behind entry %d", index-1)
		}
	}
	if root := treeHash(leaves); root != tree.Hash {
		log.Fatalf("the root over the entries is %v, signed is %v", root, tree.Hash)
	}
	if len(named) != len(artefacts) {
		log.Fatalf("%d artefacts are named, %d are in the parcel", len(named), len(artefacts))
	}
	told, err := json.Marshal(map[string]interface{}{
		"origin": origin, "size": tree.N, "root": fmt.Sprintf("%x", tree.Hash[:]), "artefacts": len(named), "signed": signed,
	})
	try(err, "JSON")
	fmt.Println(string(told))
}

func bundlePath(n, width int64) string {
	path := fmt.Sprintf("%03d", n%1000)
	for n /= 1000; n > 0; n /= 1000 {
		path = fmt.Sprintf("x%03d/%s", n%1000, path)
	}
	if width < 256 {
		path += fmt.Sprintf(".p/%d", width)
	}
	return "tile/entries/" + path
}

// treeHash is that of RFC 6962, section 2.1.
func treeHash(leaves []tlog.Hash) tlog.Hash {
	if len(leaves) == 0 {
		return sha256.Sum256(nil)
	}
	if len(leaves) == 1 {
		return leaves[0]
	}
	split := 1
	for split*2 < len(leaves) {
		split *= 2
	}
	return tlog.NodeHash(treeHash(leaves[:split]), treeHash(leaves[split:]))
}

// message takes an entry apart: form, digested, sequence, time, subject, id, payload.
func message(index int64, entry []byte) (subject string, payload []byte) {
	if len(entry) < 22 || entry[0] != 1 {
		log.Fatalf("entry %d is none", index)
	}
	if sequence := binary.BigEndian.Uint64(entry[2:]); sequence != uint64(index)+1 {
		log.Fatalf("entry %d has sequence %d", index, sequence)
	}
	at := 20 + int(binary.BigEndian.Uint16(entry[18:]))
	if len(entry) < at+2 || len(entry) < at+2+int(binary.BigEndian.Uint16(entry[at:])) {
		log.Fatalf("entry %d was cut", index)
	}
	subject, payload = string(entry[20:at]), entry[at+2+int(binary.BigEndian.Uint16(entry[at:])):]
	if parts := strings.Split(subject, "."); entry[1] != 0 || len(parts) > 2 && parts[2] == "dead" {
		return subject, nil // a digest stands for it, or it was set aside
	}
	return subject, payload
}

// references finds what an event says of artefacts: objects with sha256 and size, and data sets by their digest alone.
func references(payload []byte) map[string]int64 {
	found := map[string]int64{}
	var event struct {
		Data interface{} `json:"data"`
	}
	if json.Unmarshal(payload, &event) != nil {
		return found
	}
	var walk func(value interface{})
	walk = func(value interface{}) {
		switch told := value.(type) {
		case []interface{}:
			for _, part := range told {
				walk(part)
			}
		case map[string]interface{}:
			digest, isDigest := told["sha256"].(string)
			size, isSize := told["size"].(float64)
			if isDigest && isSize {
				found[digest] = int64(size)
			}
			if digest, ok := told["dataset_sha256"].(string); ok {
				if _, known := found[digest]; !known {
					found[digest] = -1
				}
			}
			for _, part := range told {
				walk(part)
			}
		}
	}
	walk(event.Data)
	return found
}

// roll knows the keys of the speakers, as the log lists them; of several campaigns each has its own.
type roll map[string]map[string]ed25519.PublicKey

// check says whether an event is signed, and ends everything where it should be and is not.
func (speakers roll) check(index int64, subject string, payload []byte) bool {
	const open, close = `,"signature":"`, `"}`
	body, signature := payload, ""
	if begin := len(payload) - len(open) - 86 - len(close); begin > 0 && bytes.HasSuffix(payload, []byte(close)) &&
		bytes.HasPrefix(payload[begin:], []byte(open)) {
		body, signature = append(append([]byte{}, payload[:begin]...), '}'), string(payload[begin+len(open):len(payload)-len(close)])
	}
	var event struct {
		Source, Type, Campaign string
		Data                   struct {
			Speakers []struct {
				Name string
				Key  string `json:"public_key"`
			}
		}
	}
	if json.Unmarshal(body, &event) != nil {
		return false
	}
	name, keys := strings.TrimPrefix(event.Source, "/agents/"), speakers[event.Campaign]
	if event.Type == "presence.speakers_listed" {
		listed := map[string]ed25519.PublicKey{}
		for _, speaker := range event.Data.Speakers {
			if speaker.Key != "" {
				listed[speaker.Name] = publicKey(speaker.Key)
			}
		}
		if keys["console"] == nil {
			keys = listed
		}
		speakers[event.Campaign] = listed
	}
	key := keys[name]
	if key == nil {
		return false
	}
	content, err := base64.RawURLEncoding.DecodeString(signature)
	try(err, fmt.Sprintf("signature of entry %d", index))
	if !ed25519.Verify(key, []byte("athanor event 1\n"+subject+"\n"+string(body)), content) {
		log.Fatalf("entry %d is not signed by %s", index, name)
	}
	return true
}

// publicKey reads the notation of NATS: base32 of a role, the key, and a sum of both.
func publicKey(text string) ed25519.PublicKey {
	content, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(text)
	try(err, "public key")
	if len(content) != 35 || content[0] != 20<<3 {
		log.Fatalf("%s is no public key of a user", text)
	}
	return ed25519.PublicKey(content[1:33])
}
