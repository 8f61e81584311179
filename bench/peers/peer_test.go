package peers

import (
	"errors"
	"strings"
	"testing"

	"spike/bench"
)

func TestUnknownPeer(t *testing.T) {
	err := Run(t.Context(), "nginx", Options{})
	if !errors.Is(err, bench.ErrUsage) || !strings.Contains(err.Error(), `no such peer: "nginx"`) {
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

func TestOrdersWithoutTheirDatabase(t *testing.T) {
	for _, name := range []string{OrderFirst, PayFirst, Grouped} {
		if err := Run(t.Context(), name, Options{}); !errors.Is(err, bench.ErrUsage) {
			t.Errorf("%s without a pool: %v", name, err)
		}
		if err := Run(t.Context(), name, Options{Pool: MaxPool + 1}); !errors.Is(err, bench.ErrUsage) {
			t.Errorf("%s with too large a pool: %v", name, err)
		}
		if err := Run(t.Context(), name, Options{Pool: 1, DB: "no url=at all"}); !errors.Is(err, bench.ErrUsage) {
			t.Errorf("%s with no database: %v", name, err)
		}
	}
}
