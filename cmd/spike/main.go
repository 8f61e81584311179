// Spike is one binary. It has the edge, the tools that make and check a sale, the servers in front of edges, and the
// measurements. This package only wires: each subcommand has a file.
package main

import (
	"context"
	"os"
	"os/signal"

	"github.com/alecthomas/kong"

	"spike/bench/report"
)

type cli struct {
	Serve  ServeCmd  `cmd:"" group:"sell" help:"Run an edge, which sells."`
	Orders OrdersCmd `cmd:"" group:"sell" help:"Store orders in SQL, end holds, call a webhook."`

	Sale        SaleCmd        `cmd:"" group:"sales" help:"Make, show and change sales."`
	Reservation ReservationCmd `cmd:"" group:"sales" help:"Show, prolong and release reservations."`
	Audit       AuditCmd       `cmd:"" group:"sales" help:"Count every unit of a sale. Exit 0: each unit is there once."`

	Nginx NginxCmd `cmd:"" group:"front" help:"Print the nginx.conf of a topology."`
	Gate  GateCmd  `cmd:"" group:"front" help:"Keep the flags by which nginx answers \"sold out\" itself."`

	Edges     EdgesCmd     `cmd:"" group:"look" help:"List edges, gates and order workers, and silent edges that hold units."`
	Dashboard DashboardCmd `cmd:"" group:"look" help:"Show all sales, edges, gates and orders in a browser, and act on them."`
	Top       TopCmd       `cmd:"" group:"look" help:"Show the same in a terminal."`

	Check CheckCmd `cmd:"" group:"try" help:"Buy from a running edge, and check its answers."`
	Demo  DemoCmd  `cmd:"" group:"try" help:"Play the whole article on this machine."`
	Lab   LabCmd   `cmd:"" group:"try" help:"Run the whole front, each part in a namespace, and kill one of each."`

	Bench BenchCmd `cmd:"" group:"measure" help:"Measure the edge beside others."`
	Pprof PprofCmd `cmd:"" group:"measure" help:"Profile a running edge."`

	Help       HelpCmd       `cmd:"" group:"help" help:"Show the help of a command."`
	Completion CompletionCmd `cmd:"" group:"help" help:"Print a script by which a shell completes commands, flags and values."`
	Version    VersionCmd    `cmd:"" group:"help" help:"Print the version."`

	VersionFlag kong.VersionFlag `name:"version" help:"Print the version."`

	Complete    CompleteCmd    `cmd:"" name:"__complete" hidden:"" group:"help" passthrough:""`
	LabDirector LabDirectorCmd `cmd:"" hidden:"" group:"try"`
}

// groups are the groups of commands, in the order of the help.
var groups = kong.ExplicitGroups([]kong.Group{
	{Key: "sell", Title: "Sell"},
	{Key: "sales", Title: "Sales"},
	{Key: "front", Title: "In front"},
	{Key: "look", Title: "Look"},
	{Key: "try", Title: "Try"},
	{Key: "measure", Title: "Measure"},
	{Key: "help", Title: "Help"},
})

func main() {
	report.Commit = commit
	os.Exit(run(os.Args[1:]))
}

func run(args []string) int {
	if len(args) == 0 {
		args = []string{"--help"}
	}
	c, parsed, err := parse(args)
	if err != nil {
		printError(err, nil)
		return exitUsage
	}
	signals, hup := endSignals(parsed.Command())
	ctx, stop := signal.NotifyContext(context.Background(), signals...)
	defer stop()
	parsed.BindTo(ctx, (*context.Context)(nil))
	parsed.Bind(hup, &settings{args, parsed})
	if err = parsed.Run(); err != nil {
		printError(err, c.logs(parsed.Command()))
	}
	return exitCode(err)
}

// newParser makes the parser that fills c.
func newParser(c *cli) *kong.Kong {
	return kong.Must(c, kong.Name("spike"), longHelp, groups, kong.Vars{"version": thisBuild().String()},
		kong.Description("Sells N units to a crowd a hundred times larger, exactly once each."),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true}),
		kong.PostBuild(serviceVariables), kong.PostBuild(moreHelp))
}

// parse reads a command line, and the settings in the environment and in the file that it names.
func parse(args []string) (*cli, *kong.Context, error) {
	var c cli
	parsed, err := newParser(&c).Parse(args)
	return &c, parsed, misuse(err)
}
