//go:build chaos

package chaos

import (
	native "encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"spike/bench/rig"
)

// Clock is the wall clock of a server that is started with its environment. It is the machine's clock and an offset that can
// be changed while the server runs. Monotonic clocks stay true.
type Clock struct {
	t    testing.TB
	file *os.File
}

// NewClock makes a clock that is true.
func NewClock(t testing.TB, dir string) *Clock {
	t.Helper()
	file, err := os.OpenFile(filepath.Join(dir, "clock"), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	c := &Clock{t, file}
	c.Set(0)
	return c
}

// Set steps the clock: from now on it is ahead of the machine's clock by offset.
func (c *Clock) Set(offset time.Duration) {
	c.t.Helper()
	if _, err := c.file.WriteAt(native.NativeEndian.AppendUint64(nil, uint64(offset)), 0); err != nil {
		c.t.Fatal(err)
	}
}

// Env is the server's environment.
func (c *Clock) Env() []string {
	c.t.Helper()
	shim := os.Getenv("SPIKE_CLOCK_SO")
	if _, err := os.Stat(shim); err != nil {
		c.t.Fatalf("SPIKE_CLOCK_SO names no clock: make chaos builds it: %v", err)
	}
	return []string{"LD_PRELOAD=" + shim, "SPIKE_CLOCK=" + c.file.Name()}
}

// NewClockedNode starts a redis-server with a clock of its own.
func NewClockedNode(t testing.TB, dir, name string, clock *Clock, args ...string) *Node {
	t.Helper()
	return newNode(t, rig.RedisOptions{Name: name, Dir: dir, Env: clock.Env(), Args: args})
}

// off is how far a server's clock is from the machine's.
func (n *Node) off() time.Duration {
	n.t.Helper()
	var s, us int64
	if _, err := fmt.Sscan(n.Do("TIME"), &s, &us); err != nil {
		n.t.Fatal(err)
	}
	return time.Until(time.Unix(s, us*1000))
}
