package peers

import (
	"errors"
	"testing"

	"spike/bench"
)

func TestUnknownPeer(t *testing.T) {
	if err := Run(t.Context(), "nginx", Options{}); !errors.Is(err, ErrUnknown) {
		t.Fatalf("got %v", err)
	}
}

func TestPeerWithoutItsRedis(t *testing.T) {
	for _, name := range []string{OneScript, Article} {
		if err := Run(t.Context(), name, Options{Listen: "127.0.0.1:0", Redis: "127.0.0.1:1"}); !errors.Is(err, bench.ErrDependency) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
