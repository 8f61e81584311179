package verify

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
)

const root = "../.."

func TestDockerfile(t *testing.T) {
	text, err := os.ReadFile("../docker/Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	tree, err := parser.Parse(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	warn := func(rule, description, _, message string, _ []parser.Range) {
		t.Errorf("%s: %s %s", rule, message, description)
	}
	stages, _, err := instructions.Parse(tree.AST, linter.New(&linter.Config{Warn: warn}))
	if err != nil {
		t.Fatal(err)
	}
	last := stages[len(stages)-1]
	if last.BaseName != "scratch" {
		t.Errorf("the image is made from %s", last.BaseName)
	}
	has := map[string]string{}
	for _, c := range last.Commands {
		switch c := c.(type) {
		case *instructions.UserCommand:
			has["USER"] = c.User
		case *instructions.HealthCheckCommand:
			has["HEALTHCHECK"] = strings.Join(c.Health.Test, " ")
		case *instructions.EntrypointCommand:
			has["ENTRYPOINT"] = strings.Join(c.CmdLine, " ")
		}
	}
	if has["USER"] != "65532:65532" || has["ENTRYPOINT"] != "/spike" || !strings.Contains(has["HEALTHCHECK"], "--requests 0") {
		t.Error(has)
	}
	for _, stage := range stages[:len(stages)-1] {
		if !strings.Contains(stage.BaseName, ":") {
			t.Errorf("%s has no version", stage.BaseName)
		}
	}
}

// The build reads every file that it needs, and no test, no history and nothing that was built before.
func TestDockerignore(t *testing.T) {
	file, err := os.Open(filepath.Join(root, ".dockerignore"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	patterns, err := ignorefile.ReadAll(file)
	if err != nil {
		t.Fatal(err)
	}
	m, err := patternmatcher.New(patterns)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range sources(t) {
		if out, err := m.MatchesOrParentMatches(name); out || err != nil {
			t.Errorf("%s is not in the build (%v)", name, err)
		}
	}
	for _, name := range []string{".git/HEAD", "bin/spike", "edge/edge_test.go", "deploy/compose/secret/token.key", "bench/out/x"} {
		if out, err := m.MatchesOrParentMatches(name); !out || err != nil {
			t.Errorf("%s is in the build (%v)", name, err)
		}
	}
}

// sources are the files that `go build ./cmd/spike` reads, from the root of the repository.
func sources(t *testing.T) (all []string) {
	t.Helper()
	list := exec.Command("go", "list", "-deps", "-json=ImportPath,Dir,GoFiles,EmbedFiles,Standard,Module", "./cmd/spike")
	list.Dir = root
	list.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	top, _ := filepath.Abs(root)
	for d := json.NewDecoder(bytes.NewReader(out)); d.More(); {
		var p struct {
			Dir                 string
			GoFiles, EmbedFiles []string
			Module              *struct{ Main bool }
		}
		if err := d.Decode(&p); err != nil {
			t.Fatal(err)
		}
		if p.Module == nil || !p.Module.Main {
			continue
		}
		folder, err := filepath.Rel(top, p.Dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range append(p.GoFiles, p.EmbedFiles...) {
			all = append(all, filepath.Join(folder, name))
		}
	}
	if len(all) < 100 {
		t.Fatalf("%d files", len(all))
	}
	return append(all, "go.mod", "go.sum")
}
