// Package static holds the style sheet, the scripts and the icon of the pages. They are part of the binary and served under names that
// have the content's hash in them, so that a browser may keep them for ever.
package static

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"path"
	"regexp"
	"strings"
)

//go:embed *.css *.js *.svg
var files embed.FS

var contentTypes = map[string]string{
	".css": "text/css; charset=utf-8",
	".js":  "text/javascript; charset=utf-8",
	".svg": "image/svg+xml",
}

type file struct {
	content     []byte
	contentType string
}

var (
	served = map[string]file{}   // by the name with the hash
	hashed = map[string]string{} // the name with the hash, by the name without
)

func init() {
	entries, err := files.ReadDir(".")
	if err != nil {
		panic(err) // the files are part of the binary
	}
	for _, e := range entries {
		serve(e.Name())
	}
}

// imports finds what a module imports of the files beside it: whole lines like import { a } from './b.js';
var imports = regexp.MustCompile(`(?m)^import .*'\./(.+)';$`)

// spare is what a browser does not need of a script or a style sheet: how lines are indented, and lines that are for people.
var spare = regexp.MustCompile(`(?m)^[\t ]*(//.*)?\n?`)

// roomy is the room around the signs of a style sheet.
var roomy = regexp.MustCompile(`\s*([{};,])\s*`)

// serve puts a file under its hashed name. A module names those that it imports by their plain names and gets their hashed ones, so that its own
// hash changes with theirs.
func serve(name string) {
	if hashed[name] != "" {
		return
	}
	content, err := files.ReadFile(name)
	if err != nil {
		panic(err)
	}
	ext := path.Ext(name)
	if ext == ".js" || ext == ".css" {
		content = spare.ReplaceAll(content, nil)
	}
	if ext == ".css" {
		content = roomy.ReplaceAll(content, []byte("$1"))
	}
	if ext == ".js" {
		for _, found := range imports.FindAllSubmatch(content, -1) {
			serve(string(found[1]))
			content = bytes.ReplaceAll(content, []byte("'./"+string(found[1])+"'"), []byte("'./"+hashed[string(found[1])]+"'"))
		}
	}
	sum := sha256.Sum256(content)
	under := strings.TrimSuffix(name, ext) + "-" + hex.EncodeToString(sum[:6]) + ext
	served[under], hashed[name] = file{content, contentTypes[ext]}, under
}

// URL returns the address of a file by its name in this folder, and "" for one that is not here.
func URL(name string) string {
	if hashed[name] == "" {
		return ""
	}
	return "/static/" + hashed[name]
}

// File returns a file by the last part of its address. Only the name with the right hash is known.
func File(name string) (content []byte, contentType string, ok bool) {
	f, ok := served[name]
	return f.content, f.contentType, ok
}
