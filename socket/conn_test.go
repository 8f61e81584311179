//go:build unix

package socket

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"
)

// pair is a Conn and its ordinary peer.
func pair(t *testing.T) (own net.Conn, peer *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	other, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(); _ = other.Close() })
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	_ = other.SetDeadline(time.Now().Add(time.Minute))
	if own = Of(c); own == c {
		t.Fatal("a TCP connection is left as it is")
	}
	return own, other.(*net.TCPConn)
}

// Much more than a socket holds goes both ways at once, whole and in order, through readers that are slow.
func TestConnCarriesEverything(t *testing.T) {
	own, peer := pair(t)
	sent := make([]byte, 16<<20)
	for i := range sent {
		sent[i] = byte(i * i >> 7)
	}
	failed := make(chan error, 3)
	send := func(c net.Conn) {
		n, err := c.Write(sent)
		if err == nil && n != len(sent) {
			err = io.ErrShortWrite
		}
		failed <- err
	}
	take := func(c net.Conn) error {
		got := make([]byte, len(sent))
		if _, err := io.ReadFull(c, got); err != nil {
			return err
		}
		if sha256.Sum256(got) != sha256.Sum256(sent) {
			return errors.New("what came is not what was sent")
		}
		return nil
	}
	go send(own)
	go send(peer)
	go func() { failed <- take(own) }()
	if err := take(peer); err != nil {
		t.Error(err)
	}
	for range cap(failed) {
		if err := <-failed; err != nil {
			t.Error(err)
		}
	}
}

// The ends of a connection are told as the net package tells them.
func TestConnTellsItsEnd(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(own net.Conn, peer *net.TCPConn)
		want error
	}{
		"the peer has closed": {func(_ net.Conn, peer *net.TCPConn) { _ = peer.Close() }, io.EOF},
		"the peer has reset": {func(_ net.Conn, peer *net.TCPConn) {
			_ = peer.SetLinger(0)
			_ = peer.Close()
		}, syscall.ECONNRESET},
		"closed here": {func(own net.Conn, _ *net.TCPConn) { _ = own.Close() }, net.ErrClosed},
		"the deadline passes": {func(own net.Conn, _ *net.TCPConn) {
			_ = own.SetReadDeadline(time.Unix(1, 0))
		}, os.ErrDeadlineExceeded},
	} {
		t.Run(name, func(t *testing.T) {
			own, peer := pair(t)
			ended := make(chan error, 1)
			go func() {
				_, err := own.Read(make([]byte, 1))
				ended <- err
			}()
			c.end(own, peer)
			if err := <-ended; !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
	}
}

// A write to who does not read fails at its deadline, and says how much has gone.
func TestConnWritesUntilItsDeadline(t *testing.T) {
	own, peer := pair(t)
	_ = own.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
	much := bytes.Repeat([]byte("a"), 64<<20)
	n, err := own.Write(much)
	if !errors.Is(err, os.ErrDeadlineExceeded) || n >= len(much) {
		t.Fatalf("%d bytes written, %v", n, err)
	}
	_ = own.Close()
	if got, err := io.Copy(io.Discard, peer); err != nil || got != int64(n) {
		t.Errorf("%d bytes came of %d, %v", got, n, err)
	}
}

// Only TCP connections have raw reads and writes.
func TestOfOtherConnections(t *testing.T) {
	here, there := net.Pipe()
	defer there.Close()
	defer here.Close()
	if Of(here) != here {
		t.Error("a pipe is no socket")
	}
}
