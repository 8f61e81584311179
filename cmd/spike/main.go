// Spike is one binary. It has the edge, the tools that make and check a sale, the servers in front of edges, and the
// measurements. This package only wires: each subcommand has a file.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"

	"github.com/alecthomas/kong"

	"spike/bench"
	"spike/edge"
	"spike/edge/identity"
	"spike/edge/token"
	"spike/luascripts/ledger"
	"spike/nginx"
	"spike/nginx/gate"
	"spike/order"
	"spike/order/operators"
)

var version = "unknown" // set by the linker

type cli struct {
	Serve   ServeCmd   `cmd:"" help:"Run an edge, which sells."`
	Sale    SaleCmd    `cmd:"" help:"Make, show and change sales."`
	Edges   EdgesCmd   `cmd:"" help:"List edges, gates and order workers, and silent edges that hold units."`
	Audit   AuditCmd   `cmd:"" help:"Count every unit of a sale. It exits with 0 only if each unit is there once."`
	Check   CheckCmd   `cmd:"" help:"Buy from a running edge, and check its answers."`
	Demo    DemoCmd    `cmd:"" help:"Play the whole article on this machine."`
	Nginx   NginxCmd   `cmd:"" help:"Print the nginx.conf of a topology."`
	Gate    GateCmd    `cmd:"" help:"Keep the flags by which nginx answers \"sold out\" itself."`
	Lab     LabCmd     `cmd:"" help:"Run router, directors, nginx, edges and Redis, each in a namespace, and kill one of each."`
	Bench   BenchCmd   `cmd:"" help:"Measure the edge beside others."`
	Pprof   PprofCmd   `cmd:"" help:"Profile a running edge."`
	Orders  OrdersCmd  `cmd:"" help:"Store orders in SQL, end holds, call a webhook."`
	Version VersionCmd `cmd:"" help:"Print the version."`

	Reservation ReservationCmd `cmd:"" help:"Show, prolong and release reservations."`
	Dashboard   DashboardCmd   `cmd:"" help:"Show all sales, edges, gates and orders in a browser, and act on them."`
	Top         TopCmd         `cmd:"" help:"Show the same in a terminal."`

	LabDirector LabDirectorCmd `cmd:"" hidden:""`
}

// The exit codes.
const (
	exitFailed     = 1 // the check failed
	exitUsage      = 2 // usage or configuration
	exitDependency = 3 // a server that the command needs could not be reached
)

// errFailed means that a check failed. The command has printed what failed.
var errFailed = errors.New("failed")

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	if len(args) == 0 {
		args = []string{"--help"}
	}
	_, parsed, err := parse(args)
	if err != nil {
		printError(err)
		return exitUsage
	}
	signals, hup := endSignals(parsed.Command())
	ctx, stop := signal.NotifyContext(context.Background(), signals...)
	defer stop()
	parsed.BindTo(ctx, (*context.Context)(nil))
	parsed.Bind(hup, &settings{args, parsed})
	if err = parsed.Run(); err != nil {
		printError(err)
	}
	return exitCode(err)
}

// parse reads a command line, and the settings in the environment and in the file that it names.
func parse(args []string) (*cli, *kong.Context, error) {
	var c cli
	parser := kong.Must(&c, kong.Name("spike"), kong.DefaultEnvars("SPIKE"), longHelp,
		kong.Description("Sells N units to a crowd a hundred times larger, exactly once each."),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}))
	parsed, err := parser.Parse(args)
	return &c, parsed, err
}

// printError prints an error on one line.
func printError(err error) {
	if !errors.Is(err, errFailed) {
		fmt.Fprintln(os.Stderr, "spike:", strings.ReplaceAll(err.Error(), "\n", "; "))
	}
}

func exitCode(err error) int {
	if err == nil {
		return 0
	}
	for _, known := range []struct {
		err  error
		code int
	}{
		{errFailed, exitFailed}, {ledger.ErrDown, exitDependency}, {bench.ErrDependency, exitDependency},
		{edge.ErrListen, exitUsage}, {operators.ErrAdmin, exitUsage}, {edge.ErrConfig, exitUsage}, {token.ErrKeys, exitUsage},
		{identity.ErrJWTKey, exitUsage}, {order.ErrConfig, exitUsage}, {nginx.ErrTopology, exitUsage}, {gate.ErrDir, exitUsage},
		{errUsage, exitUsage}, {bench.ErrUsage, exitUsage}, {ledger.ErrName, exitUsage},
	} {
		if errors.Is(err, known.err) {
			return known.code
		}
	}
	return exitFailed
}

// errUsage means that a flag or a setting is wrong.
var errUsage = errors.New("usage")

// VersionCmd prints the version.
type VersionCmd struct{}

// Run prints it.
func (VersionCmd) Run() error {
	fmt.Println("spike", version)
	return nil
}
