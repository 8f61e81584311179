//go:build chaos

package chaos

import (
	"bytes"
	"io"
	"net"
	"sync"
	"testing"
)

// Tap is a line to a server, and waits for a word that clients send.
type Tap struct {
	Addr string

	to, word string
	heard    func() // called before the server gets the word
	mu       sync.Mutex
	conns    map[net.Conn]bool
	over     bool
	all      sync.WaitGroup
}

// NewTap makes a tap. heard may keep a client waiting.
func NewTap(t testing.TB, to, word string, heard func()) *Tap {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Tap{Addr: l.Addr().String(), to: to, word: word, heard: heard, conns: map[net.Conn]bool{}}
	p.all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			p.all.Go(func() { p.relay(conn) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		p.hangUp()
		p.all.Wait()
	})
	return p
}

func (p *Tap) relay(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", p.to)
	if err != nil {
		return
	}
	defer server.Close()
	if !p.keep(client, server) {
		return
	}
	p.all.Go(func() {
		_, _ = io.Copy(client, server)
		_ = client.Close()
	})
	said := make([]byte, 16<<10)
	for {
		n, err := client.Read(said)
		if bytes.Contains(said[:n], []byte(p.word)) {
			p.heard()
		}
		if _, failed := server.Write(said[:n]); err != nil || failed != nil {
			return
		}
	}
}

// keep notes connections that must end with the tap.
func (p *Tap) keep(conns ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		p.conns[c] = true
	}
	return !p.over
}

func (p *Tap) hangUp() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.over = true
	for c := range p.conns {
		_ = c.Close()
	}
}
