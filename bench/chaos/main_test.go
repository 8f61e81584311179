package chaos

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"
)

// rueidisLooks sleeps on for a second.
var rueidisLooks = goleak.IgnoreAnyFunction("github.com/redis/rueidis.(*call).DelayDo.func1")

// TestMain is goleak.VerifyTestMain, but for what toxiproxy leaves: a link that was cut may keep any of its goroutines.
func TestMain(m *testing.M) {
	zerolog.SetGlobalLevel(zerolog.Disabled) // a toxic tells the global logger whenever it is taken away
	code := m.Run()
	if left := ours(goleak.Find(rueidisLooks)); code == 0 && len(left) > 0 {
		fmt.Fprintln(os.Stderr, "goleak:", strings.Join(left, "\n"))
		code = 1
	}
	os.Exit(code)
}

// ours are the goroutines of goleak's error that have nothing to do with toxiproxy.
func ours(err error) (left []string) {
	if err == nil {
		return nil
	}
	for _, one := range strings.Split(err.Error(), "Goroutine ")[1:] { // one stack follows the other
		if !strings.Contains(one, "github.com/Shopify/toxiproxy/v2") {
			left = append(left, one)
		}
	}
	return left
}

// Row D16: what toxiproxy leaves is told apart from what we leave.
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
