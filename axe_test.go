package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// The accessibility checker, as its makers publish it. It is a program for browsers, so that it comes from where these come from, and no Go
// module has it: the tests fetch it once and keep it in the user's cache.
const (
	axeURL = "https://registry.npmjs.org/axe-core/-/axe-core-4.14.1.tgz"
	axeSum = "FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ==" // SHA-512
)

var axeScript = sync.OnceValues(func() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	kept := filepath.Join(cache, "latchkey-test", filepath.Base(axeURL))
	archive, err := os.ReadFile(kept)
	if err != nil || !isAxe(archive) {
		client := http.Client{Timeout: time.Minute}
		resp, err := client.Get(axeURL)
		if err != nil {
			return "", err
		}
		defer resp.Body.Close()
		if archive, err = io.ReadAll(io.LimitReader(resp.Body, 32<<20)); err != nil || !isAxe(archive) {
			return "", fmt.Errorf("%s is not what was expected (HTTP %d, %d bytes): %v", axeURL, resp.StatusCode, len(archive), err)
		}
		if err := os.MkdirAll(filepath.Dir(kept), 0o755); err != nil {
			return "", err
		}
		if err := os.WriteFile(kept, archive, 0o644); err != nil {
			return "", err
		}
	}
	unzipped, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		return "", err
	}
	for files := tar.NewReader(unzipped); ; {
		file, err := files.Next()
		if err != nil {
			return "", fmt.Errorf("axe.min.js is not in %s: %w", axeURL, err)
		}
		if file.Name == "package/axe.min.js" {
			script, err := io.ReadAll(files)
			return string(script), err
		}
	}
})

func isAxe(archive []byte) bool {
	sum := sha512.Sum512(archive)
	return base64.StdEncoding.EncodeToString(sum[:]) == axeSum
}

// violation is a rule of WCAG 2.2 AA that a page breaks.
type violation struct {
	ID    string `json:"id"`
	Help  string `json:"help"`
	Nodes []struct {
		HTML    string `json:"html"`
		Summary string `json:"failureSummary"`
	} `json:"nodes"`
}

func (v violation) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", v.ID, v.Help)
	for i, n := range v.Nodes {
		if i == 3 {
			fmt.Fprintf(&b, "\n  and %d more", len(v.Nodes)-i)
			break
		}
		fmt.Fprintf(&b, "\n  %.300s\n    %s", n.HTML, strings.ReplaceAll(n.Summary, "\n", "\n    "))
	}
	return b.String()
}

// violations returns what is wrong with the page that the tab shows, by WCAG 2.0 to 2.2, levels A and AA.
func (t *tab) violations() []violation {
	t.t.Helper()
	script, err := axeScript()
	if err != nil {
		skip(t.t, "the accessibility checker cannot be had: %v", err)
	}
	if !read(t, "look for the checker", chromedp.Evaluate[bool](`!!window.axe`)) {
		read(t, "bring the checker", chromedp.Evaluate[bool](script+"; true"))
	}
	found := read(t, "check accessibility", chromedp.Evaluate[string](`axe.run(document, {resultTypes: ['violations'],
		runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']}).then(r => JSON.stringify(r.violations))`, chromedp.EvalAwaitPromise))
	var list []violation
	if err := json.Unmarshal([]byte(found), &list); err != nil {
		t.t.Fatal(err)
	}
	return list
}

// The checker finds what is wrong where something is.
func TestTheAccessibilityCheckerFindsFaults(t *testing.T) {
	b := startBrowser(t)
	page := b.tab("axe-control")
	page.do("open a bad page", chromedp.Navigate(`data:text/html,<title>x</title><main><img src="data:,"><input><p style="color:%23999">pale</p></main>`))
	found := map[string]bool{}
	for _, v := range page.violations() {
		found[v.ID] = true
	}
	for _, rule := range []string{"image-alt", "label", "color-contrast", "html-has-lang"} {
		if !found[rule] {
			t.Errorf("the checker does not find %s: %v", rule, found)
		}
	}
}
