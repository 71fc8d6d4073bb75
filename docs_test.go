package main

import (
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"latchkey/bango"
	"latchkey/resale"
)

var update = flag.Bool("update", false, "write the tables of docs/bango.md anew")

// The tables of docs/bango.md say what the code says; go test -run TestTablesOfBango -update . writes them.
func TestTablesOfBangoAreCurrent(t *testing.T) {
	const file = "docs/bango.md"
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	current := string(raw)
	for name, table := range map[string]string{"wire": wireTable(), "reasons": reasonTable()} {
		begin, end := "<!-- "+name+" -->\n", "<!-- end of "+name+" -->"
		before, rest, found := strings.Cut(current, begin)
		_, after, foundToo := strings.Cut(rest, end)
		if !found || !foundToo {
			t.Fatalf("%s has no place for the table between %q and %q", file, begin, end)
		}
		current = before + begin + table + end + after
	}
	switch {
	case current == string(raw):
	case *update:
		if err := os.WriteFile(file, []byte(current), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("a table of %s is not current; go test -run TestTablesOfBango -update . writes it", file)
	}
}

// wireTable lists what can be set of the API, with both generations side by side.
func wireTable() string {
	var b strings.Builder
	b.WriteString("| name | meaning | generation 1 | | generation 2 | | source |\n|---|---|---|---|---|---|---|\n")
	second := bango.WireSettings(2)
	for i, s := range bango.WireSettings(1) {
		fmt.Fprintf(&b, "| `%s` | %s | `%s` | %s | `%s` | %s | %s |\n",
			s.Name, s.Meaning, s.Default, s.Mark, second[i].Default, second[i].Mark, s.Source)
	}
	return b.String()
}

func reasonTable() string {
	var b strings.Builder
	b.WriteString("| generation | category | codes |\n|---|---|---|\n")
	for generation := 1; generation <= 2; generation++ {
		var categories []string
		codes := map[string][]string{}
		for _, r := range resale.ReasonLists[generation].Reasons {
			if codes[r.Category] == nil {
				categories = append(categories, r.Category)
			}
			codes[r.Category] = append(codes[r.Category], "`"+r.Code+"`")
		}
		for _, c := range categories {
			fmt.Fprintf(&b, "| %d | `%s` | %s |\n", generation, c, strings.Join(codes[c], ", "))
		}
	}
	return b.String()
}

// The README has every setting, each by its name without the _FILE that all secrets may have.
func TestREADMEHasEverySetting(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range knownSettings {
		if !strings.Contains(string(readme), "`"+strings.TrimSuffix(name, "_FILE")+"`") {
			t.Errorf("README.md does not name %s", name)
		}
	}
}

var localLink = regexp.MustCompile(`\]\(([^)#:]+)(?:#[^)]*)?\)`)

// What a document links to in this repository is there.
func TestDocumentsLinkToWhatIsThere(t *testing.T) {
	links := 0
	documents, _ := filepath.Glob("*.md")
	err := filepath.WalkDir("docs", func(path string, _ fs.DirEntry, err error) error {
		if strings.HasSuffix(path, ".md") {
			documents = append(documents, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, document := range documents {
		text, err := os.ReadFile(document)
		if err != nil {
			t.Fatal(err)
		}
		for _, link := range localLink.FindAllStringSubmatch(string(text), -1) {
			links++
			if _, err := os.Stat(filepath.Join(filepath.Dir(document), filepath.FromSlash(link[1]))); err != nil {
				t.Errorf("%s links to %s, which is not there", document, link[1])
			}
		}
	}
	if links < 20 {
		t.Errorf("only %d links were found in %d documents", links, len(documents))
	}
}
