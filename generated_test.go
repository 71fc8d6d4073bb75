package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// The generated code that is committed is what the generators make of the sources that are committed.
func TestGeneratedCodeIsCurrent(t *testing.T) {
	if _, err := exec.LookPath("bash"); err != nil {
		skip(t, "bash, which runs .ci/generate, is not on this machine")
	}
	if out, err := exec.Command("go", "mod", "download", "-modfile=.ci/tools.mod").CombinedOutput(); err != nil {
		skip(t, "the generators cannot be downloaded: %s", out)
	}
	there := t.TempDir()
	for _, name := range []string{"go.mod", "go.sum", ".ci", "db", "views", "resale", "static"} {
		if out, err := exec.Command("cp", "-R", name, there).CombinedOutput(); err != nil {
			t.Fatalf("copy %s: %s", name, out)
		}
	}
	generate := exec.Command("bash", ".ci/generate")
	generate.Dir = there
	if out, err := generate.CombinedOutput(); err != nil {
		t.Fatalf("generate: %v\n%s", err, out)
	}
	for _, pattern := range []string{"views/*_templ.go", "db/queries/*.go"} {
		here, _ := filepath.Glob(pattern)
		made, _ := filepath.Glob(filepath.Join(there, pattern))
		if len(here) == 0 || len(here) != len(made) {
			t.Errorf("%s: %d files are committed, %d are made", pattern, len(here), len(made))
		}
		for _, name := range here {
			committed, _ := os.ReadFile(name)
			current, err := os.ReadFile(filepath.Join(there, name))
			if err != nil || string(committed) != string(current) {
				t.Errorf("%s is not current; run .ci/generate", name)
			}
		}
	}
}
