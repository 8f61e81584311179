package listener

import (
	"fmt"
	"net"
	"testing"
)

// A connection is removed once, even if it is closed twice. A source with too many connections loses its own oldest one.
func TestA5PlacesAreGivenBack(t *testing.T) {
	all := NewVisitors(nobodyTrusted)
	at := func(ip string) *visitor {
		a, b := net.Pipe()
		t.Cleanup(func() { _, _ = a.Close(), b.Close() })
		return all.enter(visiting{a, &net.TCPAddr{IP: net.ParseIP(ip), Port: 1}})
	}
	at("10.0.0.1")
	for range 3 * strangersEach {
		at("10.0.0.2")
	}
	if n := len(all.strangers); n != 1+strangersEach {
		t.Errorf("%d strangers", n)
	}
	for k := range 3 * StrangersMost {
		at(fmt.Sprintf("10.0.1.%d", k))
	}
	if len(all.strangers) != StrangersMost {
		t.Errorf("%d strangers", len(all.strangers))
	}
	first := at("10.0.0.1")
	first.recognise()
	first.recognise()
	for range 2 {
		_ = first.Close()
	}
	for _, s := range all.strangers {
		_ = s.Conn.Close()
	}
	if all.known != 0 || len(all.strangers) != StrangersMost-1 {
		t.Errorf("%d known, %d strangers", all.known, len(all.strangers))
	}
}

type visiting struct {
	net.Conn
	peer net.Addr
}

func (f visiting) RemoteAddr() net.Addr { return f.peer }
