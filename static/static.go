// Package static holds the style sheet, the script and the icon of the pages. They are part of the binary and served under names that
// have the content's hash in them, so that a browser may keep them for ever.
package static

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"path"
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
		content, err := files.ReadFile(e.Name())
		if err != nil {
			panic(err)
		}
		sum, ext := sha256.Sum256(content), path.Ext(e.Name())
		name := strings.TrimSuffix(e.Name(), ext) + "-" + hex.EncodeToString(sum[:6]) + ext
		served[name], hashed[e.Name()] = file{content, contentTypes[ext]}, name
	}
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
