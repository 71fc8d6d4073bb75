package main

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"syscall"
)

// listen takes the address of a setting, or says who has it.
func listen(address, setting string) (*listener, error) {
	l, err := net.Listen("tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("%s is in use by another program; stop it or choose another address with %s", address, setting)
	}
	if err != nil {
		return nil, fmt.Errorf("%s %q cannot be listened on: %w", setting, address, err)
	}
	return &listener{Listener: l, silent: map[*conn]struct{}{}}, nil
}

// listener knows which of its connections have not said anything yet. Browsers and HTTP clients open connections in reserve, and a server
// that stops cannot tell such a one from a request that is about to arrive: it would wait for it until its time is up.
type listener struct {
	net.Listener
	mu     sync.Mutex
	silent map[*conn]struct{} // nil once the listener drops them
}

// Accept is net.Listener's.
func (l *listener) Accept() (net.Conn, error) {
	accepted, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &conn{Conn: accepted, from: l}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.silent == nil {
		accepted.Close()
	} else {
		l.silent[c] = struct{}{}
	}
	return c, nil
}

// dropSilent closes the connections that have not said anything, now and from now on.
func (l *listener) dropSilent() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.silent {
		c.Conn.Close()
	}
	l.silent = nil
}

func (l *listener) forget(c *conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.silent, c)
}

// conn tells its listener when it is no longer silent.
type conn struct {
	net.Conn
	from  *listener
	heard sync.Once
}

func (c *conn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n > 0 {
		c.heard.Do(func() { c.from.forget(c) })
	}
	return n, err
}

// NetConn returns the connection beneath, which the sandbox can reset.
func (c *conn) NetConn() net.Conn { return c.Conn }

func (c *conn) Close() error {
	c.heard.Do(func() { c.from.forget(c) })
	return c.Conn.Close()
}
