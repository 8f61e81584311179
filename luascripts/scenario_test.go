package luascripts

import (
	"bytes"
	goflag "flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"spike/luascripts/ledger"
	"spike/luascripts/memory"
)

// Golden scenarios: each of testdata/scenarios/*.txt is a sale's story, with the answer to each command. They run on the twin
// here, and on a real Redis with the tag integration. Both must give the text, byte for byte. -update writes the answers
// again.

var update = goflag.Bool("update", false, "write the answers of testdata/scenarios anew")

// stage is a store with a clock and a server that the scenario sets.
type stage struct {
	ledger.Store
	clock func(us int64)                     // sets the store's clock
	on    func(info string, n memory.Node)   // sets the server that it runs on; info is what INFO says of it
	hand  func(words []string)               // runs a command of Redis' own
	once  func(q ledger.DeductRequest) error // a Deduct that is not asked again while the index is made anew
}

// part is one command of a scenario, with the comments above it, and its answer.
type part struct {
	comment, command, answer string
}

// readScenario takes a file apart: comments, a command, `----`, the answer up to an empty line.
func readScenario(text string) (parts []part, err error) {
	var p part
	inside := false
	for i, line := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
		switch {
		case inside && line != "":
			p.answer += line + "\n"
		case inside:
			parts, p, inside = append(parts, p), part{}, false
		case line == "----" && p.command != "":
			inside = true
		case p.command == "" && (line == "" || strings.HasPrefix(line, "#")):
			p.comment += line + "\n"
		case p.command == "":
			p.command = line
		default:
			return nil, fmt.Errorf("line %d: %q follows %q, want ----", i+1, line, p.command)
		}
	}
	if p.command == "" && p.comment == "" {
		return parts, nil
	}
	return append(parts, p), nil
}

func writeScenario(parts []part) string {
	var s strings.Builder
	for _, p := range parts {
		s.WriteString(p.comment)
		if p.command != "" {
			s.WriteString(p.command + "\n----\n" + p.answer + "\n")
		}
	}
	return strings.TrimRight(s.String(), "\n") + "\n"
}

// onlyRedis says that a scenario is about what the twin does not model.
func onlyRedis(parts []part) bool { return strings.HasPrefix(parts[0].command, "redis only") }

// runScenarios plays every scenario that this kind of store can play.
func runScenarios(t *testing.T, open func(t *testing.T, b ledger.Bounds) stage, redis bool) {
	files, err := filepath.Glob("testdata/scenarios/*.txt")
	if err != nil || len(files) < 25 {
		t.Fatalf("%d scenarios, %v", len(files), err)
	}
	for _, file := range files {
		text := must[[]byte](t)(os.ReadFile(file))
		parts := must[[]part](t)(readScenario(string(text)))
		alone := onlyRedis(parts)
		if alone && !redis {
			continue
		}
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			for try := 1; !playScenario(t, parts, open) && try < 5; try++ {
				t.Log("the store did not answer within a second: once more, from the beginning")
			}
			got := writeScenario(parts)
			if *update && redis == alone {
				if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			if !bytes.Equal([]byte(got), text) {
				t.Errorf("%s is played otherwise:\n%s", file, firstDifference(string(text), got))
			}
		})
	}
}

// firstDifference shows where two texts part, with a few lines around.
func firstDifference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	i := 0
	for i < min(len(w), len(g)) && w[i] == g[i] {
		i++
	}
	around := func(lines []string) string { return strings.Join(lines[max(0, i-6):min(len(lines), i+6)], "\n") }
	return fmt.Sprintf("line %d, want\n%s\n\ngot\n%s", i+1, around(w), around(g))
}

// playScenario runs the commands, and puts what they are answered into the parts. It says whether all were answered.
func playScenario(t *testing.T, parts []part, open func(t *testing.T, b ledger.Bounds) stage) bool {
	b := suiteBounds()
	p := newPlay(t, onlyRedis(parts))
	for i := range parts {
		if parts[i].command == "" {
			continue
		}
		c := parseWords(t, parts[i].command)
		switch c.word {
		case "redis only": // read before
		case "bounds":
			b = boundsOf(c, b)
		default:
			if p.stage.Store == nil {
				p.stage = open(t, b)
				p.stage.clock(p.now)
				p.serve(&words{t: t})
			}
			parts[i].answer = p.answer(c)
		}
		c.spent()
	}
	return !p.silent
}

// TestScenarios plays them on the twin.
func TestScenarios(t *testing.T) {
	runScenarios(t, func(_ *testing.T, b ledger.Bounds) stage {
		var now int64
		e := memory.New(b, func() time.Time { return time.UnixMicro(now) })
		e.KeepEvents()
		return stage{Store: e, clock: func(us int64) { now = us }, on: func(_ string, n memory.Node) { e.On(n) }}
	}, false)
}

// Every refusal that a script may give is in some scenario.
func TestScenariosHaveEveryRefusal(t *testing.T) {
	files, _ := filepath.Glob("testdata/scenarios/*.txt")
	var all []byte
	for _, file := range files {
		all = append(all, must[[]byte](t)(os.ReadFile(file))...)
	}
	for _, code := range ledger.Codes() {
		if !bytes.Contains(all, []byte("\nrefused "+code)) {
			t.Errorf("no scenario is refused with %s", code)
		}
	}
	for row := range 12 {
		if !slices.ContainsFunc(files, func(file string) bool {
			return bytes.HasPrefix(must[[]byte](t)(os.ReadFile(file)), fmt.Appendf(nil, "# Row %d:", row+1))
		}) {
			t.Errorf("no scenario is headed by row %d", row+1)
		}
	}
}
