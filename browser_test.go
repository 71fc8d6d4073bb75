package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// demo is a running `latchkey demo`.
type demo struct {
	portal  string // its address
	sandbox string
	temp    string // where it may put files
	stop    func() (exit int, errs string)
}

var (
	readyLine   = regexp.MustCompile(`(?m)^Latchkey is ready: (\S+)$`)
	sandboxLine = regexp.MustCompile(`(?m)^Bango sandbox: +(\S+)$`)
)

// startDemo runs the demo on free ports until the test ends or stop is called.
func startDemo(t *testing.T, flags ...string) *demo {
	t.Helper()
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	ctx, cancel := context.WithCancel(context.Background())
	out, in := io.Pipe()
	var errs strings.Builder
	exited := make(chan int, 1)
	go func() {
		args := append([]string{"demo", "--listen", freeAddress(t), "--sandbox-listen", freeAddress(t)}, flags...)
		code := command(ctx, args, streams{strings.NewReader(""), in, &errs})
		in.Close()
		exited <- code
	}()
	stop := sync.OnceValues(func() (int, string) { cancel(); code := <-exited; return code, errs.String() })
	t.Cleanup(func() { stop() })

	var said strings.Builder
	lines := bufio.NewScanner(out)
	for lines.Scan() && !strings.HasPrefix(lines.Text(), "Everything is on this machine") {
		said.WriteString(lines.Text() + "\n")
	}
	go io.Copy(io.Discard, out)
	portal, box := readyLine.FindStringSubmatch(said.String()), sandboxLine.FindStringSubmatch(said.String())
	if portal == nil || box == nil {
		_, errs := stop()
		t.Fatalf("the demo did not say where it is: %q, %q", said.String(), errs)
	}
	return &demo{portal: portal[1], sandbox: box[1], temp: temp, stop: stop}
}

// browser is a headless Chromium; it is started once for a test.
type browser struct {
	t   *testing.T
	ctx context.Context

	refusals bool // what the server refuses to tabs that are opened from now on is part of the test
}

func startBrowser(t *testing.T) *browser {
	t.Helper()
	program := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			program = path
			break
		}
	}
	if program == "" {
		skip(t, "there is no Chromium here; on Debian: apt-get install chromium")
	}
	options := []chromedp.ExecAllocatorOption{chromedp.ExecPath(program), chromedp.Headless, chromedp.NoFirstRun,
		chromedp.NoDefaultBrowserCheck, chromedp.DisableGPU, chromedp.UserDataDir(t.TempDir()), chromedp.WindowSize(1280, 900),
		chromedp.Flag("hide-scrollbars", true)}
	for _, flag := range []string{"disable-quic", "disable-background-networking", "disable-component-update", "disable-sync"} {
		options = append(options, chromedp.Flag(flag, true))
	}
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // Chromium refuses its sandbox to root
	}
	allocator, cancelAllocator := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, cancel := chromedp.NewContext(allocator)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("Chromium does not start: %v", err)
	}
	t.Cleanup(func() { cancel(); cancelAllocator() })
	return &browser{t: t, ctx: ctx}
}

// tab is one page of a browser. Whatever the page reports as an error fails the test: a script that threw, a policy that was violated.
type tab struct {
	t    *testing.T
	ctx  context.Context
	name string // in front of its screenshots
	shot int
}

// tabTime bounds one step in a tab.
const tabTime = 20 * time.Second

func (b *browser) tab(name string, setup ...step) *tab {
	b.t.Helper()
	return b.open(name, setup)
}

// person is a tab that shares no cookies with any other.
func (b *browser) person(name string) *tab {
	b.t.Helper()
	return b.open(name, nil, chromedp.WithNewBrowserContext())
}

func (b *browser) open(name string, setup []step, options ...chromedp.ContextOption) *tab {
	b.t.Helper()
	ctx, cancel := chromedp.NewContext(b.ctx, options...)
	b.t.Cleanup(cancel)
	t, refusals := &tab{t: b.t, ctx: ctx, name: name}, b.refusals
	err := chromedp.Listen(ctx, func(event any) {
		switch e := event.(type) {
		case *log.EventEntryAdded:
			if e.Entry.Level == log.EntryLevelError && !(refusals && e.Entry.Source == log.EntrySourceNetwork) {
				b.t.Errorf("%s: the page reports %s (%s)", name, e.Entry.Text, e.Entry.URL)
			}
		case *runtime.EventExceptionThrown:
			b.t.Errorf("%s: a script failed: %s %v", name, e.ExceptionDetails.Text, e.ExceptionDetails.Exception)
		}
	})
	if err == nil {
		_, err = chromedp.Call(ctx, log.Enable, cdp.Empty{})
	}
	if err != nil {
		b.t.Fatalf("%s: %v", name, err)
	}
	t.do("set up", setup...)
	return t
}

// step is something that a person does in a tab.
type step = chromedp.Action[chromedp.Void]

// do takes one step, which must be done within tabTime.
func (t *tab) do(what string, steps ...step) {
	t.t.Helper()
	ctx, cancel := context.WithTimeout(t.ctx, tabTime)
	defer cancel()
	t.must(what, chromedp.Do(ctx, steps...))
}

// must fails the test with what the tab shows where a step failed.
func (t *tab) must(what string, err error) {
	t.t.Helper()
	if err == nil {
		return
	}
	ctx, cancel := context.WithTimeout(t.ctx, 2*time.Second)
	defer cancel()
	address, _ := chromedp.Run(ctx, chromedp.Location())
	text, _ := chromedp.Run(ctx, chromedp.Text(chromedp.CSS("body")))
	t.screenshot("failed")
	t.t.Fatalf("%s: %s: %v\nat %s:\n%.1500s", t.name, what, err, address, text)
}

// read takes one step that returns something.
func read[T any](t *tab, what string, action chromedp.Action[T]) T {
	t.t.Helper()
	ctx, cancel := context.WithTimeout(t.ctx, tabTime)
	defer cancel()
	value, err := chromedp.Run(ctx, action)
	t.must(what, err)
	return value
}

// text returns what stands in the first element of a selector.
func (t *tab) text(selector string) string {
	t.t.Helper()
	return read(t, "read "+selector, chromedp.Text(chromedp.CSS(selector)))
}

// attribute returns an attribute of the first element of a selector.
func (t *tab) attribute(selector, name string) string {
	t.t.Helper()
	return read(t, "read "+name+" of "+selector, chromedp.AttributeValue(chromedp.CSS(selector), name)).Value
}

// status waits until an entitlement's badge shows a status.
func (t *tab) status(want string) {
	t.t.Helper()
	t.do("wait for "+want, chromedp.WaitReady(chromedp.CSS(fmt.Sprintf(`h1 + .badge[data-status=%q]`, want))))
}

// address returns where the tab is.
func (t *tab) address() string {
	t.t.Helper()
	return read(t, "read the address", chromedp.Location())
}

// screenshot writes what the tab shows, whole, to screenshots/, which git ignores: for people to look at.
func (t *tab) screenshot(step string) {
	t.t.Helper()
	ctx, cancel := context.WithTimeout(t.ctx, tabTime)
	defer cancel()
	png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err != nil {
		t.t.Logf("%s: no picture of %q: %v", t.name, step, err)
		return
	}
	t.shot++
	if err := os.MkdirAll("screenshots", 0o755); err != nil {
		t.t.Fatal(err)
	}
	name := filepath.Join("screenshots", fmt.Sprintf("%s-%02d-%s.png", t.name, t.shot, step))
	if err := os.WriteFile(name, png, 0o644); err != nil {
		t.t.Fatal(err)
	}
}

// everyLook takes pictures of what the tab shows, on a desk and on a phone, light and dark.
func (t *tab) everyLook(step string) {
	t.t.Helper()
	if testing.Short() {
		return
	}
	for _, width := range []int64{1280, 390} {
		for _, scheme := range []string{"light", "dark"} {
			t.do("look", chromedp.EmulateViewport(width, 844), colours(scheme))
			t.screenshot(fmt.Sprintf("%s-%d-%s", step, width, scheme))
		}
	}
	t.do("look as before", chromedp.EmulateViewport(1280, 900), colours("light"))
}

// colours lets the page be asked for a colour scheme.
func colours(scheme string) step {
	return send(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
}

// send is a step that is one command of the browser's protocol.
func send[P, R any](command cdp.Command[P, R], params P) step {
	return func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, t, command, params)
		return chromedp.Void{}, err
	}
}

// press is a key that a person presses: unlike chromedp's own, a page that takes it for a shortcut keeps it out of what is typed.
func press(key string) step {
	down := input.DispatchKeyEventParams{Type: input.DispatchKeyEventTypeKeyDown, Key: key, Text: key}
	if key == "Enter" {
		down.Text, down.WindowsVirtualKeyCode = "\r", 13
	}
	return chromedp.Steps(send(input.DispatchKeyEvent, down),
		send(input.DispatchKeyEvent, input.DispatchKeyEventParams{Type: input.DispatchKeyEventTypeKeyUp, Key: key}))
}

// withoutScripts switches JavaScript off.
func withoutScripts() step {
	return send(emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
}

// bringToFront shows the tab, as a person does by clicking on it: a hidden page holds no live connection.
func (t *tab) bringToFront() {
	t.t.Helper()
	t.do("bring to front", send(page.BringToFront, cdp.Empty{}))
}

// typedInto is what a person types into something. The library's own way reads the attributes of the element while the browser tells that they
// change, as those of the box on top do.
func typedInto[S chromedp.Selectable](into S, text string) step {
	return chromedp.Steps(chromedp.Focus(into), chromedp.KeyEvent(text))
}
