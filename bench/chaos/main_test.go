package chaos

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"
)

// rueidisLooks is a goroutine of rueidis that still sleeps for a second.
var rueidisLooks = goleak.IgnoreAnyFunction("github.com/redis/rueidis.(*call).DelayDo.func1")

// TestMain does what goleak.VerifyTestMain does, without the goroutines of toxiproxy: a cut link may keep any of them.
func TestMain(m *testing.M) {
	zerolog.SetGlobalLevel(zerolog.Disabled) // a toxic writes to the global logger when it is removed
	code := m.Run()
	if left := ours(goleak.Find(rueidisLooks)); code == 0 && len(left) > 0 {
		fmt.Fprintln(os.Stderr, "goleak:", strings.Join(left, "\n"))
		code = 1
	}
	os.Exit(code)
}

// ours returns the goroutines of goleak's error that are not toxiproxy's.
func ours(err error) (left []string) {
	if err == nil {
		return nil
	}
	for _, one := range strings.Split(err.Error(), "Goroutine ")[1:] { // the stacks follow one another
		if !strings.Contains(one, "github.com/Shopify/toxiproxy/v2") {
			left = append(left, one)
		}
	}
	return left
}

// Row D16: toxiproxy's leaks and our own are told apart.
func TestD16LeaksAreToldApart(t *testing.T) {
	before := len(ours(goleak.Find(goleak.IgnoreCurrent(), rueidisLooks)))
	known := goleak.IgnoreCurrent()
	wire := NewWire(t, "127.0.0.1:1")
	if err := goleak.Find(known, rueidisLooks); err == nil || len(ours(err)) > 0 {
		t.Errorf("of toxiproxy's goroutines %q count as ours: %v", ours(err), err)
	}
	stay, gone := make(chan struct{}), make(chan struct{})
	go func() { <-stay; close(gone) }()
	if err := goleak.Find(known, rueidisLooks); len(ours(err)) != before+1 {
		t.Errorf("of ours are found %q: %v", ours(err), err)
	}
	close(stay)
	<-gone
	wire.Cut()
}
