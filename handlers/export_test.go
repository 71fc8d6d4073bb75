package handlers

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"time"
)

// deadConn is a connection of which nobody hears anything.
type deadConn struct{ net.Conn }

func (deadConn) SetWriteDeadline(time.Time) error { return nil }

func bufioOf(w io.Writer) *bufio.Writer { return bufio.NewWriter(w) }

// tryGet reads an address to its end, or says why it could not.
func tryGet(b *browser, path string) error {
	r, err := http.NewRequestWithContext(b.p.t.Context(), http.MethodGet, b.p.address+path, nil)
	if err != nil {
		return err
	}
	r.AddCookie(b.cookie)
	got, err := noRedirects.Do(r)
	if err != nil {
		return err
	}
	defer got.Body.Close()
	_, err = io.ReadAll(got.Body)
	return err
}
