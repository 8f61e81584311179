//go:build !race

// These tests read pages and run no server. The race detector would find nothing in them.

package main

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// The pages for people are README.md, docs/*.md and deploy/README.md. What they show is true as it stands there: TestDocsRun runs
// each page, and these tests check what cannot run. The info string of a block says what it is:
//
//	sh            commands. They run in the order of the page, in one shell
//	sh stays      a command that stays: it runs beside the rest until the page ends, and listens
//	sh restarts   the same, in place of the one that the page started with the same two words: that ends first
//	sh host       commands for a machine of one's own (apt-get, systemctl): they are parsed, and what they name exists
//	console       commands after "$ ", and what they print; … stands for anything on a line, or as a line for any lines
//	console soon  the same, but it is true within a minute
//	LANGUAGE FILE the text of a file that a later block uses by its name, so the program that reads it has read it
//	json          an answer or a message: it is JSON
//	text          a picture

// pages returns the paths of the pages, from the repository's root.
func pages(files tree) (all []string) {
	for file := range files {
		if slices.Contains([]string{"README.md", "deploy/README.md"}, file) || path.Dir(file) == "docs" && path.Ext(file) == ".md" {
			all = append(all, file)
		}
	}
	slices.Sort(all)
	return all
}

// block is a fenced block of a page.
type block struct {
	line int // of its fence, from 1
	lang string
	arg  string // the info string's second word: a kind of sh or console, else a file
	text string
}

var fence = regexp.MustCompile("^(```+)(.*)$")

// blocks returns the page's fenced blocks, and its text without them.
func blocks(page string) (all []block, prose string) {
	var rest strings.Builder
	end := "" // the fence that ends the block we are in
	n := 0
	for line := range strings.Lines(page) {
		n++
		m := fence.FindStringSubmatch(strings.TrimSpace(line))
		switch {
		case end == "" && m != nil:
			lang, arg, _ := strings.Cut(strings.TrimSpace(m[2]), " ")
			all, end = append(all, block{line: n, lang: lang, arg: arg}), m[1]
		case m != nil && m[1] == end && m[2] == "":
			end = ""
		case end != "":
			all[len(all)-1].text += line
		default:
			rest.WriteString(line)
		}
	}
	return all, rest.String()
}

// commandsOf returns the lines of a console block that are commands, each with what it prints.
func (b block) commandsOf() (commands, outputs []string) {
	for line := range strings.Lines(b.text) {
		last := len(commands) - 1
		if c, ok := strings.CutPrefix(line, "$ "); ok {
			commands, outputs = append(commands, c), append(outputs, "")
		} else if c, ok = strings.CutPrefix(line, "> "); ok && last >= 0 && outputs[last] == "" {
			commands[last] += c
		} else if last >= 0 {
			outputs[last] += line
		}
	}
	return commands, outputs
}

// script is the block's commands, as a shell reads them.
func (b block) script() string {
	switch b.lang {
	case "sh":
		return b.text
	case "console":
		commands, _ := b.commandsOf()
		return strings.Join(commands, "")
	}
	return ""
}

// A file that is saved has a name in the page's own folder.
var (
	blockKinds = regexp.MustCompile(`^(?:sh(?: stays| restarts| host)?|console(?: soon)?|json|text)$`)
	blockFile  = regexp.MustCompile(`^(?:yaml|nginx|conf|ini|sql|json|js|go|text) [\w-][\w./-]*$`)
)

// faultsOfBlocks returns what is wrong with the page's blocks, as far as one sees without a server.
func faultsOfBlocks(page string) (wrong []string) {
	all, _ := blocks(page)
	for i, b := range all {
		fault := func(format string, args ...any) {
			wrong = append(wrong, fmt.Sprintf("line %d: ", b.line)+fmt.Sprintf(format, args...))
		}
		info := strings.TrimSpace(b.lang + " " + b.arg)
		isFile := !blockKinds.MatchString(info)
		switch {
		case isFile && !blockFile.MatchString(info):
			fault("the info string %q says nothing", info)
		case isFile && !slices.ContainsFunc(all[i+1:], func(later block) bool { return strings.Contains(later.script(), b.arg) }):
			fault("no later command uses %s", b.arg)
		case b.lang == "json" && !json.Valid([]byte(strings.ReplaceAll(b.text, "…", ""))):
			fault("it is no JSON")
		case b.lang == "console":
			if commands, _ := b.commandsOf(); len(commands) == 0 {
				fault("a console without a command")
			}
		}
		if out, err := exec.Command("bash", "-n", "-c", b.script()).CombinedOutput(); err != nil {
			fault("%s", out)
		}
	}
	return wrong
}

var (
	makeTarget  = regexp.MustCompile(`(?m)^([a-z0-9-]+):`)
	makeCall    = regexp.MustCompile(`(?:^|[\n;&(] *)make ([a-z0-9-]+)`)
	deployPath  = regexp.MustCompile(`\bdeploy/[\w@./*-]*[\w*]`)
	systemdUnit = regexp.MustCompile(`\bspike-\w+(@\w*)?\.(?:service|socket)\b`)
	systemctl   = regexp.MustCompile(`\bsystemctl (?:--?\w+ )*\w+ (?:--now )?(spike-\w+(?:@\w*)?)(?:\s|$)`)
	spikeCall   = regexp.MustCompile(`(?:^\s*|[;&|(]\s*|\bstart \S+ )(?:bin/|/usr/(?:local/)?bin/)?spike (.*)`)
	mdLink      = regexp.MustCompile(`\]\(([^()\s]+)\)`)
)

// madeSecrets is the folder that deploy/compose/secrets makes.
const madeSecrets = "deploy/compose/secret"

// faultsOfNames returns what the text names and is not there: targets of make, files of deploy, systemd units.
func faultsOfNames(files tree, text string) (wrong []string) {
	for _, m := range makeCall.FindAllStringSubmatch(text, -1) {
		targets := makeTarget.FindAllStringSubmatch(files["Makefile"], -1)
		if !slices.ContainsFunc(targets, func(t []string) bool { return t[1] == m[1] }) {
			wrong = append(wrong, "make "+m[1]+" is no target")
		}
	}
	for _, name := range deployPath.FindAllString(text, -1) {
		if !exists(files, name) && name != madeSecrets {
			wrong = append(wrong, name+" is not there")
		}
	}
	units := systemdUnit.FindAllStringSubmatch(text, -1)
	for _, m := range units {
		if name := "deploy/systemd/" + strings.Replace(m[0], m[1], "@", 1); m[1] != "" && files[name] == "" && !exists(files, name) {
			wrong = append(wrong, name+" is not there")
		} else if m[1] == "" && !exists(files, "deploy/systemd/"+m[0]) {
			wrong = append(wrong, m[0]+" is not there")
		}
	}
	for _, m := range systemctl.FindAllStringSubmatch(text, -1) {
		name, instance, _ := strings.Cut(m[1], "@")
		if instance != "" || strings.HasSuffix(m[1], "@") {
			name += "@"
		}
		if !exists(files, "deploy/systemd/"+name+".service") {
			wrong = append(wrong, "deploy/systemd/"+name+".service is not there")
		}
	}
	return wrong
}

// exists says whether a file, a folder, or a file that a pattern means is in the repository.
func exists(files tree, name string) bool {
	for file := range files {
		if ok, _ := path.Match(name, file); ok || strings.HasPrefix(file, name+"/") {
			return true
		}
	}
	return false
}

// unknownFlags returns what a command line of spike has that the command has not. Arguments may be words that stand for values.
func unknownFlags(root *kong.Node, line string) (wrong []string) {
	line, _, _ = strings.Cut(line, " #")
	node, deeper := root, true
	for _, w := range strings.Fields(strings.NewReplacer("[", "", "]", "", "'", "", `"`, "").Replace(line)) {
		if slices.Contains([]string{"|", "||", "&", "&&", ";", ">", ">>", "2>", "<"}, w) || strings.HasPrefix(w, ">") {
			break
		}
		if name, flag := strings.CutPrefix(w, "--"); flag {
			name, _, _ = strings.Cut(strings.TrimRight(name, ",.;)"), "=")
			if !slices.ContainsFunc(flagsOf(node), func(f *kong.Flag) bool { return f.Name == name }) && name != "version" {
				wrong = append(wrong, fmt.Sprintf("spike %s: no flag --%s", line, name))
			}
			continue
		}
		if !deeper || strings.HasPrefix(w, "-") {
			continue
		}
		next := slices.IndexFunc(node.Children, func(c *kong.Node) bool { return c.Name == w })
		switch {
		case next >= 0:
			node = node.Children[next]
		case node.Type == kong.CommandNode && node.DefaultCmd == nil && len(node.Children) > 0 || node == root:
			return append(wrong, fmt.Sprintf("spike %s: no command %s", line, w))
		default:
			deeper = false
		}
	}
	return wrong
}

// flagsOf returns the flags that a command takes, those of the commands above it, and those of the command that stands for it.
func flagsOf(n *kong.Node) (all []*kong.Flag) {
	if n.DefaultCmd != nil {
		all = flagsOf(n.DefaultCmd)
	}
	for ; n != nil; n = n.Parent {
		all = append(all, n.Flags...)
	}
	return all
}

// alternatives returns a command of the text once for each word of `this|that`.
func alternatives(line string) []string {
	line = strings.ReplaceAll(line, `\|`, "|")
	words := strings.Fields(line)
	at := slices.IndexFunc(words, func(w string) bool {
		return strings.Contains(w, "|") && w != "|" && !strings.HasPrefix(w, "-") && !strings.Contains(w, `"`)
	})
	if at < 0 {
		return []string{line}
	}
	var all []string
	for _, w := range strings.Split(words[at], "|") {
		words[at] = w
		all = append(all, alternatives(strings.Join(words, " "))...)
	}
	return all
}

// faultsOfCommands returns the commands of spike, in blocks and in backticks, that spike does not take.
func faultsOfCommands(page string) (wrong []string) {
	var c cli
	root := kong.Must(&c, kong.Name("spike"), kong.DefaultEnvars("SPIKE"), longHelp).Model.Node
	all, prose := blocks(page)
	for _, b := range all {
		for line := range strings.Lines(strings.ReplaceAll(b.script(), "\\\n", " ")) {
			line, _, _ = strings.Cut(line, "#")
			for _, m := range spikeCall.FindAllStringSubmatch(line, -1) {
				wrong = append(wrong, unknownFlags(root, m[1])...)
			}
		}
	}
	for _, m := range span.FindAllStringSubmatch(prose, -1) {
		if text, ok := strings.CutPrefix(m[1], "spike "); ok {
			for _, line := range alternatives(text) {
				wrong = append(wrong, unknownFlags(root, line)...)
			}
		}
	}
	return wrong
}

var notAnchor = regexp.MustCompile(`[^\p{L}\p{N} _-]`)

// anchorOf is the name by which a link finds a heading, as GitHub makes it.
func anchorOf(title string) string {
	return strings.ReplaceAll(notAnchor.ReplaceAllString(strings.ToLower(title), ""), " ", "-")
}

// faultsOfLinks returns the page's links to files and headings that are not there.
func faultsOfLinks(files tree, file string) (wrong []string) {
	_, prose := blocks(files[file])
	for _, m := range mdLink.FindAllStringSubmatch(prose, -1) {
		if strings.Contains(m[1], "://") {
			continue
		}
		name, anchor, _ := strings.Cut(m[1], "#")
		target := file
		if name != "" {
			target = path.Join(path.Dir(file), name)
		}
		if !exists(files, target) {
			wrong = append(wrong, "nothing is at "+m[1])
			continue
		}
		_, text := blocks(files[target])
		if anchor != "" && !slices.ContainsFunc(heading.FindAllStringSubmatch(text, -1),
			func(h []string) bool { return anchorOf(h[1]) == anchor }) {
			wrong = append(wrong, "no heading is at "+m[1])
		}
	}
	return wrong
}

// faultsOfPage returns all that is wrong with a page.
func faultsOfPage(files tree, file string) []string {
	page := files[file]
	all, prose := blocks(page)
	wrong := slices.Concat(faultsOfBlocks(page), faultsOfCommands(page), faultsOfLinks(files, file))
	for _, m := range span.FindAllStringSubmatch(prose, -1) {
		wrong = append(wrong, faultsOfNames(files, m[1])...)
	}
	for _, b := range all {
		wrong = append(wrong, faultsOfNames(files, b.script())...)
	}
	if most := 10 << 10; file == "README.md" && len(page) > most {
		wrong = append(wrong, fmt.Sprintf("it has %d bytes, and may have %d", len(page), most))
	}
	if first, _, _ := strings.Cut(page, "\n"); file != "README.md" && !strings.Contains(first, "for ") {
		wrong = append(wrong, "its first line does not say whom it is for")
	}
	return wrong
}

func TestDocs(t *testing.T) {
	files := readTree(t)
	for _, file := range pages(files) {
		for _, w := range faultsOfPage(files, file) {
			t.Errorf("%s: %s", file, w)
		}
	}
}

// Each planted fault is found, and nothing else is.
func TestDocsAreHeldToTheCode(t *testing.T) {
	whole := "# Selling: for sellers\nSee [below](#how-to-sell), `make run`, `spike sale show|edit NAME`, `spike bench --out D`.\n" +
		"## How to sell\n```yaml topology.yaml\nlisten: 1\n```\n```sh\nspike nginx --topology topology.yaml\n```\n" +
		"```sh host\nsystemctl enable --now spike-gate spike-edge@3001.service\n```\n" +
		"```console\n$ spike sale list\nticket\n```\n```json\n{\"code\": 1}\n```\n"
	repository := func(page string) tree {
		return tree{"docs/selling.md": page, "Makefile": "run: build ## run\n", "deploy/systemd/spike-gate.service": "x",
			"deploy/systemd/spike-edge@.service": "x"}
	}
	if wrong := faultsOfPage(repository(whole), "docs/selling.md"); len(wrong) > 0 {
		t.Fatal(wrong)
	}
	for _, c := range []struct{ old, fresh, finding string }{
		{"for sellers", "of sellers", "whom it is for"},
		{"#how-to-sell", "#how-to-buy", "no heading"},
		{"(#how", "(buying.md#how", "nothing is at"},
		{"make run", "make runs", "make runs is no target"},
		{"show|edit", "show|edits", "no command edits"},
		{"sale list", "sale list --alls", "no flag --alls"},
		{"--topology", "--topologie", "no flag --topologie"},
		{"--out D", "--outs D", "no flag --outs"},
		{"spike-gate ", "spike-gates ", "spike-gates.service is not there"},
		{"spike-edge@3001", "spike-edges@3001", "spike-edges@.service is not there"},
		{"```json", "```", "says nothing"},
		{"```json", "```json answer.json", "no later command uses"},
		{": 1}", ": }", "no JSON"},
		{"$ spike sale list", "spike sale list", "without a command"},
		{"systemctl enable", "if systemctl enable", "syntax error"},
	} {
		page := strings.Replace(whole, c.old, c.fresh, 1)
		if page == whole {
			t.Errorf("the page has no %q", c.old)
		}
		if found := strings.Join(faultsOfPage(repository(page), "docs/selling.md"), "\n"); !strings.Contains(found, c.finding) {
			t.Errorf("%q in place of %q: found %q, not %q", c.fresh, c.old, found, c.finding)
		}
	}
}
