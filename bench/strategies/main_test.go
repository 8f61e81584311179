package strategies

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"go.uber.org/goleak"
)

// TestMain makes this test's binary stand in for the spike program, from which servers of orders are started.
func TestMain(m *testing.M) {
	if len(os.Args) > 3 && os.Args[1] == "bench" {
		if err := standIn(os.Args[4], os.Args[5:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	// A goroutine of rueidis, which refreshes the topology, sleeps for up to a second after Close.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/redis/rueidis.(*call).DelayDo.func1"))
}

// standIn is `spike bench strategies server NAME`.
func standIn(name string, args []string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	o := ServerOptions{DB: os.Getenv("SPIKE_DB")}
	fs := flag.NewFlagSet(name, flag.ContinueOnError)
	fs.StringVar(&o.Listen, "listen", "", "")
	fs.IntVar(&o.Pool, "pool", 0, "")
	if err := fs.Parse(args); err != nil {
		return err
	}
	return Serve(ctx, name, o)
}
