package static

import (
	"regexp"
	"strings"
	"testing"
)

func TestScriptsAreLeanAndFindEachOther(t *testing.T) {
	scripts, imported := 0, 0
	for name, f := range served {
		if !strings.HasSuffix(name, ".js") {
			continue
		}
		text := string(f.content)
		if !strings.HasPrefix(name, "signup") { // end users have that one, and no other
			scripts += len(text)
		}
		if regexp.MustCompile(`(?m)^\s*//|^\s*$|^[ \t]`).MatchString(strings.TrimSpace(text)) {
			t.Errorf("%s is sent with what is for people", name)
		}
		for _, found := range regexp.MustCompile(`^import .* from '\./(.*)'`).FindAllStringSubmatch(text, -1) {
			imported++
			if _, _, ok := File(found[1]); !ok {
				t.Errorf("%s imports %s, which is not served", name, found[1])
			}
		}
	}
	if imported != strings.Count(sources(t), "\nimport ") || imported == 0 {
		t.Errorf("%d imports are served", imported)
	}
	if scripts > 15_000 || scripts < 5_000 {
		t.Errorf("all scripts together are %d bytes", scripts)
	}
	if content, _, ok := File(hashed["app.css"]); !ok || len(content) > 20_000 {
		t.Errorf("the style sheet has %d bytes", len(content))
	}
	if URL("keys.js") == "" || URL("nothing.js") != "" {
		t.Errorf("%q, %q", URL("keys.js"), URL("nothing.js"))
	}
}

// sources are all scripts as they are written.
func sources(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	for name := range hashed {
		if strings.HasSuffix(name, ".js") {
			content, err := files.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			all.Write(content)
		}
	}
	return all.String()
}
