package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strings"

	"golang.org/x/term"
)

// confirmed is the flag of a command that cannot be undone.
type confirmed struct {
	Yes bool `help:"Do it, and do not ask for the sale's name."`
}

// attended says whether somebody can be asked: standard input is a terminal.
func attended() bool { return term.IsTerminal(int(os.Stdin.Fd())) }

// ask asks on a terminal for the name of what the command is about. It fails unless that name is typed. Without a terminal, and
// with --yes, it asks nobody.
func (c confirmed) ask(ctx context.Context, name, risk string) error {
	if c.Yes || !attended() {
		return nil
	}
	fmt.Fprintf(os.Stderr, "%s\nType %s to do it: ", risk, name)
	typed := make(chan string, 1)
	go func() { // a read of a terminal cannot be ended
		line, _ := bufio.NewReader(os.Stdin).ReadString('\n')
		typed <- strings.TrimSpace(line)
	}()
	select {
	case <-ctx.Done():
		fmt.Fprintln(os.Stderr)
		return usagef("nothing was done")
	case line := <-typed:
		if line != name {
			return usagef("nothing was done: %q is not %s", line, name)
		}
		return nil
	}
}

// must is ask for what is never done without --yes or somebody's answer.
func (c confirmed) must(ctx context.Context, name, risk string) error {
	if !c.Yes && !attended() {
		return usagef("%s; to do it, give --yes", strings.TrimSuffix(risk, "."))
	}
	return c.ask(ctx, name, risk)
}
