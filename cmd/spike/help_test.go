package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"spike/luascripts/ledger"
)

func commands() []*kong.Node {
	var c cli
	return leaves(newParser(&c).Model.Node)
}

// Each command has three examples or more, and each of them is a command line that it takes.
func TestEveryCommandHasExamples(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("SPIKE_REDIS", "127.0.0.1:6379")
	for _, file := range []string{"spike.yaml", "gate.yaml", "dashboard.yaml", "spike.before", "topology.yaml"} {
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	found := map[string]int{}
	for path, lines := range examples {
		for _, args := range shellWords(t, lines) {
			found[path]++
			if _, parsed, err := parse(args[1:]); args[0] != "spike" || err != nil || parsed.Selected().Path() != path {
				t.Errorf("%s: %q: %v", path, args, err)
			}
		}
	}
	for _, command := range commands() {
		if n := found[command.Path()]; n < 3 {
			t.Errorf("%s has %d examples", command.Path(), n)
		}
		delete(found, command.Path())
	}
	for path := range found {
		t.Errorf("there are examples of %s, which is no command", path)
	}
}

// shellWords has a shell read the words of lines. Comments are none.
func shellWords(t *testing.T, lines string) (all [][]string) {
	t.Helper()
	script := "spike() { printf '%s\\037' spike \"$@\"; printf '\\n'; }\n" + lines
	text, err := exec.Command("sh", "-c", script).Output()
	if err != nil {
		t.Fatalf("%s: %v", lines, err)
	}
	for line := range strings.Lines(string(text)) {
		all = append(all, strings.Split(strings.TrimSuffix(line, "\037\n"), "\037"))
	}
	return all
}

// A name that no sale can have is refused where the command line is read, so nobody is asked.
func TestNamesAreCheckedFirst(t *testing.T) {
	t.Setenv("SPIKE_REDIS", "127.0.0.1:6379")
	for _, line := range []string{"sale show NAME", "sale create NAME --total 1", "sale draw NAME", "sale edit NAME --hold 1m",
		"sale add NAME 1", "sale pause NAME", "sale resume NAME", "sale close NAME", "sale reopen NAME --yes", "sale mend NAME",
		"sale remove NAME --yes", "audit NAME", "top NAME", "reservation show NAME 17",
		"reservation release NAME 17 --id rsv_000000000000000000000000000000000000000000"} {
		for _, name := range []string{"ticket", "u*", ".a", "a b", strings.Repeat("a", 65)} {
			good := name == "ticket"
			words := strings.Fields(line)
			words[slices.Index(words, "NAME")] = name
			_, _, err := parse(words)
			if good != (err == nil) || !good && (!errors.Is(err, ledger.ErrName) || exitCode(err) != exitUsage) {
				t.Errorf("%q: %v", words, err)
			}
		}
	}
}

// The JSON of each command is the one that is written down: who reads it may rely on it.
func TestJSONIsStable(t *testing.T) {
	var now strings.Builder
	for _, command := range commands() {
		path := command.Path()
		prints := false
		for _, flag := range command.Flags {
			prints = prints || flag.Name == "output"
		}
		v, told := printed[path]
		if prints != told && path != "top" { // which prints the dashboard's looks, as openapi.yaml has them
			t.Errorf("%s has --output: %v; its JSON is told: %v", path, prints, told)
		}
		if told {
			fmt.Fprintf(&now, "%s: %s\n", path, fields(reflect.TypeOf(v)))
		}
	}
	golden, err := filepath.Abs("testdata/json.txt")
	if err != nil {
		t.Fatal(err)
	}
	written, err := os.ReadFile(golden)
	if err != nil || string(written) != now.String() {
		t.Errorf("%s: %v; now:\n%s", golden, err, now.String())
	}
}

// A flag reads each variable that its help names, also a flag of a command that people do not call.
func TestVariablesOfTheHelpAreRead(t *testing.T) {
	named := 0
	var look func(n *kong.Node)
	look = func(n *kong.Node) {
		for _, flag := range n.Flags {
			for _, name := range regexp.MustCompile(`SPIKE_\w+`).FindAllString(flag.Help, -1) {
				if named++; !slices.Contains(flag.Envs, name) {
					t.Errorf("%s --%s does not read %s", n.FullPath(), flag.Name, name)
				}
			}
		}
		for _, child := range n.Children {
			look(child)
		}
	}
	if look(newParser(&cli{}).Model.Node); named < 5 {
		t.Errorf("%d variables", named)
	}
}
