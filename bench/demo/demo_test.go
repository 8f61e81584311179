package demo

import (
	"errors"
	"net"
	"strings"
	"testing"

	"spike/bench"
	"spike/bench/measure"
	"spike/edge"
)

func TestOptionsAreChecked(t *testing.T) {
	good := Options{Requests: 1, Units: 1, Connections: 1, BasePort: 3001}
	if err := measure.Check(good); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Options){
		"--requests": func(o *Options) { o.Requests = 0 }, "--units": func(o *Options) { o.Units = -1 },
		"--connections": func(o *Options) { o.Connections = 1 << 20 }, "--base-port": func(o *Options) { o.BasePort = 65533 },
	} {
		o := good
		change(&o)
		if _, err := Run(t.Context(), o); !errors.Is(err, bench.ErrUsage) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestMissingToolsAreNamed(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	err := tools()
	if !errors.Is(err, bench.ErrDependency) {
		t.Fatal(err)
	}
	for _, word := range []string{"redis-server", "make deps"} {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%v does not say %s", err, word)
		}
	}
}

func TestABusyPortIsNamed(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	busy := l.Addr().String()
	if err = vacant(busy); !errors.Is(err, edge.ErrListen) || !strings.Contains(err.Error(), busy) {
		t.Error(err)
	}
	if _, err = (Options{Listen: busy, BasePort: 1 << 15}).front(); !errors.Is(err, edge.ErrListen) {
		t.Error(err)
	}
}
