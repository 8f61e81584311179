//go:build integration

package compare

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"spike/bench/peers"
)

// TestMain makes this test's binary stand in for the spike program: the harness starts it with the same arguments.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && (os.Args[1] == "serve" || os.Args[1] == "bench") {
		if err := standIn(os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	// rueidis sleeps a second more after it has asked whether the server is a Cluster.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/redis/rueidis.(*call).DelayDo.func1"))
}

// standIn is every server of the line-up. The edge is a server that says sold out.
func standIn(args []string) (err error) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	name, rest := peers.Bare, args[1:]
	if args[0] == "bench" {
		name, rest = args[2], args[3:]
	}
	o := peers.Options{Answer: peers.SoldOut()}
	fs := flag.NewFlagSet(name, flag.ContinueOnError)
	fs.StringVar(&o.Listen, "listen", "", "")
	fs.StringVar(&o.Redis, "redis", "", "")
	fs.StringVar(&o.Log, "log", "", "")
	fs.Int64Var(&o.LocalStock, "local-stock", 0, "")
	answer := fs.String("answer-file", "", "")
	for _, ignored := range []string{"admin", "body"} {
		fs.String(ignored, "", "")
	}
	if err = fs.Parse(rest); err != nil {
		return err
	}
	if *answer != "" {
		if o.Answer, err = peers.ReadAnswer(*answer); err != nil {
			return err
		}
	}
	return peers.Run(ctx, name, o)
}

func TestRunMeasuresEveryServer(t *testing.T) {
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var steps []string
	o := Options{Binary: binary, Quads: 1, Duration: time.Second, Connections: 8, Threads: 1, ABRequests: 500,
		Only:   []string{SoldOut},
		OnStep: func(done, all int, what string) { steps = append(steps, fmt.Sprintf("%d/%d %s", done, all, what)) }}
	samples, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if len(samples) != 6+4 || len(steps) != 6+4 || !slices.Contains(steps, "6/10 soldout edge (ab)") {
		t.Fatalf("%d samples, steps %q", len(samples), steps)
	}
	for _, s := range Summarise(samples) {
		if s.Faulty != 0 || s.PerSec.Median <= 0 || s.Cost.Median <= 0 || s.ABPerSec <= 0 || s.Sold != 0 {
			t.Errorf("%+v", s)
		}
		if asksRedis := s.Server == peers.OneScript; asksRedis != (s.Scripts >= s.Requests) {
			t.Errorf("%s: %d scripts for %d requests", s.Server, s.Scripts, s.Requests)
		}
		if isBare := s.Server == peers.Bare; isBare == (s.Ratio.N == 1) {
			t.Errorf("%s: %d ratios", s.Server, s.Ratio.N)
		}
	}
}

func TestRunWithAServerThatDoesNotStart(t *testing.T) {
	_, err := Run(t.Context(), Options{Binary: "/bin/false", Quads: 1, Duration: time.Second, Connections: 1, Threads: 1,
		Only: []string{SoldOut}})
	if err == nil {
		t.Fatal("no error")
	}
	t.Log(err)
}
