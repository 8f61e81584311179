package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

func commands() []*kong.Node {
	var c cli
	return leaves(newParser(&c).Model.Node)
}

// Each command has three examples or more, and each of them is a command line that it takes. A shell reads its words.
func TestEveryCommandHasExamples(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, file := range []string{"spike.yaml", "gate.yaml", "dashboard.yaml", "spike.before", "topology.yaml"} {
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	left := map[string]bool{}
	for path := range examples {
		left[path] = true
	}
	for _, command := range commands() {
		delete(left, command.Path())
		found := 0
		for line := range strings.Lines(examples[command.Path()]) {
			if line = strings.TrimSpace(line); strings.HasPrefix(line, "#") {
				continue
			}
			found++
			args := shellWords(t, line)
			_, parsed, err := parse(args[1:])
			if args[0] != "spike" || err != nil || parsed.Selected().Path() != command.Path() {
				t.Errorf("%s: %q: %v", command.Path(), line, err)
			}
		}
		if found < 3 {
			t.Errorf("%s has %d examples", command.Path(), found)
		}
	}
	for path := range left {
		t.Errorf("there are examples of %s, which is no command", path)
	}
}

func shellWords(t *testing.T, line string) []string {
	text, err := exec.Command("sh", "-c", `for word in `+line+`; do printf '%s\n' "$word"; done`).Output()
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
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
