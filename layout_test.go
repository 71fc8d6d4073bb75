package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// mayImport says which packages of ours a package may import: the arrows of the drawing in the README.
var mayImport = map[string][]string{
	".":             {"bango", "bango/reports", "bango/sandbox", "db", "handlers", "resale", "views", "static"},
	"bango":         {},
	"bango/reports": {},
	"bango/sandbox": {},
	"resale":        {"bango"},
	"db":            {"resale", "db/queries"},
	"db/queries":    {},
	"db/dbtest":     {"db", "resale"}, // for tests alone
	"static":        {},
	"views":         {"resale", "static"},
	"handlers":      {"resale", "views", "static"},
}

// neverImports are libraries that would mean a package does another's work.
var neverImports = map[string][]string{
	"resale":   {"database/sql", "net/http", "github.com/gofiber/", "github.com/a-h/templ"},
	"db":       {"github.com/gofiber/", "net/http"},
	"views":    {"github.com/gofiber/", "database/sql"},
	"handlers": {"database/sql"},
}

func TestNobodyImportsWhatTheyMayNot(t *testing.T) {
	seen := 0
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		dir := filepath.ToSlash(filepath.Dir(path))
		allowed, known := mayImport[dir]
		if !known {
			t.Errorf("%s: the package has no row in mayImport; say there what it may import", dir)
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range file.Imports {
			name, _ := strconv.Unquote(spec.Path.Value)
			ours, isOurs := strings.CutPrefix(name, "latchkey/")
			if isOurs && !slices.Contains(allowed, ours) {
				t.Errorf("%s imports %s; the arrows do not allow it", path, name)
			}
			if (dir == "bango" || dir == "bango/sandbox") && strings.Contains(name, ".") {
				t.Errorf("%s imports %s; it must do with the standard library", path, name)
			}
			if dir == "resale" && ours == "bango" && isOurs && filepath.Base(path) != "bango.go" {
				t.Errorf("%s imports bango; only the adapter resale/bango.go may", path)
			}
			for _, never := range neverImports[dir] {
				if strings.HasPrefix(name, never) {
					t.Errorf("%s imports %s; that is another package's work", path, name)
				}
			}
			seen++
		}
		return nil
	})
	if err != nil || seen < 50 {
		t.Fatalf("read %d imports: %v", seen, err)
	}
}
