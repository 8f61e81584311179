//go:build !race

// This test reads sources and runs nothing. The race detector would find nothing in it, and take a minute.

package main

import (
	"fmt"
	"go/parser"
	"go/scanner"
	"go/token"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Comments cite ARCHITECTURE.md. Each citation must resolve there, and each thing that the page names must exist.

const architecture = "ARCHITECTURE.md"

// tree has the repository's files by their paths from its root, and the text of those in a language that we write.
type tree map[string]string

var (
	skipped = []string{".git", "bin", "bench/out"}
	written = []string{"", ".go", ".lua", ".pml", ".c", ".md", ".sql", ".yaml", ".yml", ".tmpl"} // Makefile has no extension
)

func readTree(t *testing.T) tree {
	t.Helper()
	files, root := tree{}, os.DirFS("../..")
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			if err == nil && (slices.Contains(skipped, name) || d.Name() == "node_modules") {
				return fs.SkipDir
			}
			return err
		}
		files[name] = ""
		if !slices.Contains(written, path.Ext(name)) {
			return nil
		}
		text, err := fs.ReadFile(root, name)
		files[name] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// The number of a rule or a row is below 50: P50 and P99 are percentiles.
var (
	rule     = regexp.MustCompile(`(?:^|[^\w>'"%.-])([IEPSOAD](?:[1-9]|[1-4]\d))\b`)
	ofRow    = regexp.MustCompile(`\b[Rr]ows? (\d+(?:(?:, | and |, and )\d+)*)`)
	digits   = regexp.MustCompile(`\d+`)
	inString = regexp.MustCompile(`\(([PSOAD][1-9]\d?)\)|^["` + "`" + `]([PSOAD][1-9]\d?): `)
	rowTest  = regexp.MustCompile(`\bTest([PSOAD][1-9]\d?)(?:[A-Z]\w*|\*)`)
	testFunc = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark)\w+)\(`)
	testName = regexp.MustCompile(`\b(?:Test|Fuzz|Benchmark)[A-Z]\w*\*?`)
	word     = regexp.MustCompile(`[A-Za-z_][\w-]*\w`)
	span     = regexp.MustCompile("`([^`\n]+)`")
	fileName = regexp.MustCompile(`^[\w.*/-]+\.(?:go|lua|pml|md|yaml|tmpl|sql)$`)
	folder   = regexp.MustCompile(`^(?:shard|luascripts|edge|order|nginx|bench|cmd)(?:/[\w-]+)*$`)
	link     = regexp.MustCompile(`\]\(#([\w-]+)\)`)
	heading  = regexp.MustCompile(`(?m)^#+ (.+)$`)
	bold     = regexp.MustCompile(`\*\*([a-zA-Z][a-zA-Z -]+)\*\*`)
)

// comments returns the comments of a file.
func comments(name, text string) []string {
	switch ext := path.Ext(name); {
	case ext == ".md":
		return []string{text}
	case ext == ".go":
		return goComments(text)
	case ext == ".pml" || ext == ".c":
		return regexp.MustCompile(`(?s)/\*.*?\*/`).FindAllString(text, -1)
	case ext == ".lua" || ext == ".sql":
		return regexp.MustCompile(`--.*`).FindAllString(text, -1)
	case ext == ".yaml" || ext == ".yml" || ext == ".tmpl" || path.Base(name) == "Makefile" || strings.HasPrefix(name, ".ci/"):
		return regexp.MustCompile(`(?m)(?:^|\s)#.*`).FindAllString(text, -1)
	}
	return nil
}

// goComments returns the comments of Go source, the faults that its strings cite, and the faults in the names of its tests.
func goComments(text string) (found []string) {
	file := token.NewFileSet().AddFile("", -1, len(text))
	var s scanner.Scanner
	s.Init(file, []byte(text), func(token.Position, string) {}, scanner.ScanComments)
	for {
		_, tok, lit := s.Scan()
		switch tok {
		case token.EOF:
			return found
		case token.COMMENT:
			found = append(found, lit)
		case token.STRING:
			for _, m := range inString.FindAllStringSubmatch(lit, -1) {
				found = append(found, " "+m[1]+m[2])
			}
		case token.IDENT:
			for _, m := range rowTest.FindAllStringSubmatch(lit, -1) {
				found = append(found, " "+m[1])
			}
		default:
		}
	}
}

// cited returns the rules and rows that a text cites.
func cited(text string) (names []string) {
	for _, m := range rule.FindAllStringSubmatch(text, -1) {
		names = append(names, m[1])
	}
	for _, m := range rowTest.FindAllStringSubmatch(text, -1) {
		names = append(names, m[1])
	}
	for _, m := range ofRow.FindAllStringSubmatch(text, -1) {
		for _, row := range digits.FindAllString(m[1], -1) {
			names = append(names, "row "+row)
		}
	}
	return names
}

// section returns the page's text under a heading.
func section(page, title string) string {
	_, text, _ := strings.Cut(page, "\n## "+title+"\n")
	text, _, _ = strings.Cut(text, "\n## ")
	return text
}

// entries returns the page's rules and rows, each with its text, and the names of those that stand there twice.
func entries(page string) (all map[string]string, twice []string) {
	all = map[string]string{}
	for _, kind := range []struct {
		title, prefix string
		begins        *regexp.Regexp
	}{
		{"The life of a unit", "row ", regexp.MustCompile(`(?m)^\| (\d+) \|`)},
		{"Invariants", "", regexp.MustCompile(`(?m)^- \*\*(I\d+)\. `)},
		{"Eras", "", regexp.MustCompile(`(?m)^- \*\*(E\d+)\. `)},
		{"Faults that were met", "", regexp.MustCompile(`(?m)^\| ([PSOAD]\d+) \|`)},
	} {
		text := section(page, kind.title)
		at := kind.begins.FindAllStringSubmatchIndex(text, -1)
		for i, m := range at {
			end := len(text)
			if i+1 < len(at) {
				end = at[i+1][0]
			}
			name := kind.prefix + text[m[2]:m[3]]
			if all[name] != "" {
				twice = append(twice, name)
			}
			all[name] = text[m[0]:end]
		}
	}
	return all, twice
}

// unresolved returns citations without an entry, and rules whose entry names no test.
func unresolved(files tree) (wrong []string) {
	all, twice := entries(files[architecture])
	for _, name := range twice {
		wrong = append(wrong, name+" has two entries")
	}
	for name, text := range all {
		if !strings.HasPrefix(name, "row ") && !strings.HasPrefix(name, "E") && !testName.MatchString(text) {
			wrong = append(wrong, name+" names no test")
		}
	}
	for file, text := range files {
		for _, comment := range comments(file, text) {
			for _, name := range cited(comment) {
				if all[name] == "" {
					wrong = append(wrong, fmt.Sprintf("%s cites %s, which %s does not have", file, name, architecture))
				}
			}
		}
	}
	return wrong
}

// unknownTests returns the tests that a page names and that do not exist. A name that ends in * means all tests with this
// prefix.
func unknownTests(files tree, page string) (wrong []string) {
	known := map[string]bool{}
	for file, text := range files {
		if strings.HasSuffix(file, "_test.go") {
			for _, m := range testFunc.FindAllStringSubmatch(text, -1) {
				known[m[1]] = true
			}
		}
	}
	for _, name := range testName.FindAllString(files[page], -1) {
		begins, many := strings.CutSuffix(name, "*")
		found := known[name]
		for one := range known {
			found = found || many && strings.HasPrefix(one, begins)
		}
		if !found {
			wrong = append(wrong, page+" names "+name+", and there is no such test")
		}
	}
	return wrong
}

// unknownNames returns the files, folders and words of sources that the page has in backquotes and that do not exist.
func unknownNames(files tree) (wrong []string) {
	words, folders := map[string]bool{}, map[string]bool{}
	for file, text := range files {
		for dir := path.Dir(file); dir != "."; dir = path.Dir(dir) {
			folders[dir] = true
		}
		if path.Ext(file) != ".md" {
			for _, w := range word.FindAllString(text, -1) {
				words[w] = true
				for part := range strings.SplitSeq(w, "-") {
					words[part] = true
				}
			}
		}
	}
	for _, m := range span.FindAllStringSubmatch(files[architecture], -1) {
		for _, name := range strings.Fields(m[1]) {
			switch {
			case fileName.MatchString(name) && path.Base(name) != name || path.Ext(name) == ".lua" || path.Ext(name) == ".md":
				if !isFile(files, name) {
					wrong = append(wrong, "there is no file "+name)
				}
			case folder.MatchString(name):
				if !folders[name] {
					wrong = append(wrong, "there is no folder "+name)
				}
			default:
				for _, w := range word.FindAllString(name, -1) {
					if !words[w] && !strings.HasPrefix(w, "Test") {
						wrong = append(wrong, fmt.Sprintf("no source has a word %s (of `%s`)", w, m[1]))
					}
				}
			}
		}
	}
	return wrong
}

// isFile says whether a file exists. A script may be named without its folder.
func isFile(files tree, name string) bool {
	for file := range files {
		for _, pattern := range []string{name, "luascripts/lua/script/" + name, "luascripts/lua/lib/" + name} {
			if ok, _ := path.Match(pattern, file); ok {
				return true
			}
		}
	}
	return false
}

// unusedTerms returns the terms of the glossary that no source uses.
func unusedTerms(files tree) (wrong []string) {
	used := map[string]bool{}
	var all strings.Builder
	for file, text := range files {
		if slices.Contains([]string{".go", ".lua", ".pml"}, path.Ext(file)) {
			text = strings.ToLower(text)
			all.WriteString(text)
			for _, w := range word.FindAllString(text, -1) {
				used[w] = true
			}
		}
	}
	terms := bold.FindAllStringSubmatch(section(files[architecture], "Glossary"), -1)
	for _, m := range terms {
		term := strings.ToLower(m[1])
		if several := strings.Contains(term, " "); !used[term] && !several || several && !strings.Contains(all.String(), term) {
			wrong = append(wrong, "no source uses the term "+m[1])
		}
	}
	if len(terms) == 0 {
		wrong = append(wrong, "there is no glossary")
	}
	return wrong
}

// deadLinks returns links within the page that lead nowhere. It also checks that README.md has a link to the page.
func deadLinks(files tree) (wrong []string) {
	page, anchors := files[architecture], map[string]bool{}
	for _, m := range heading.FindAllStringSubmatch(page, -1) {
		anchors[strings.ReplaceAll(strings.ToLower(m[1]), " ", "-")] = true
	}
	for _, m := range link.FindAllStringSubmatch(page, -1) {
		if !anchors[m[1]] {
			wrong = append(wrong, "nothing is at #"+m[1])
		}
	}
	if !strings.Contains(files["README.md"], "("+architecture+")") {
		wrong = append(wrong, "README.md has no link to "+architecture)
	}
	return wrong
}

// elsewhere returns comments that cite a page that no reader has.
func elsewhere(files tree) (wrong []string) {
	for file, text := range files {
		for _, comment := range comments(file, text) {
			if strings.Contains(comment, "DESIGN") {
				wrong = append(wrong, file+" cites a page that is not in the repository")
			}
		}
	}
	return wrong
}

// wrongImports returns imports of bench that no package outside it may have. The command wires bench, and its tests know the
// errors of bench; tests start servers.
func wrongImports(files tree) (wrong []string) {
	for file, text := range files {
		isTest := strings.HasSuffix(file, "_test.go")
		if path.Ext(file) != ".go" || strings.HasPrefix(file, "bench/") || strings.HasPrefix(file, "cmd/spike/") && !isTest {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, text, parser.ImportsOnly)
		if err != nil {
			wrong = append(wrong, fmt.Sprintf("%s: %v", file, err))
			continue
		}
		for _, i := range parsed.Imports {
			name := strings.Trim(i.Path.Value, `"`)
			errorsOfBench := name == "spike/bench" && strings.HasPrefix(file, "cmd/spike/")
			if within(name, "spike/bench") && !errorsOfBench && (!isTest || name != "spike/bench/rig/rigtest") {
				wrong = append(wrong, file+" imports "+name)
			}
		}
	}
	return wrong
}

// within says whether a package is another one or below it.
func within(name, room string) bool { return name == room || strings.HasPrefix(name, room+"/") }

func faultsOf(files tree) []string {
	wrong := slices.Concat(unresolved(files), unknownTests(files, architecture), unknownNames(files), unusedTerms(files),
		deadLinks(files), elsewhere(files), wrongImports(files))
	for _, page := range pages(files) {
		wrong = append(wrong, unknownTests(files, page)...)
	}
	return wrong
}

func TestArchitecture(t *testing.T) {
	wrong := faultsOf(readTree(t))
	slices.Sort(wrong)
	for _, w := range slices.Compact(wrong) {
		t.Error(w)
	}
}

// small returns a repository without a fault: two rules, two rows, a fault, and the names on its page.
func small() tree {
	return tree{
		architecture: "# Page\n[life](#the-life-of-a-unit)\n## Glossary\n| **ledger time** | a clock |\n" +
			"## The life of a unit\n| 1 | free |\n| 2 | leased |\n" +
			"## Invariants\n- **I1. One owner.** `TestOwner`, `shard/a.go`, `lease.lua`\n" +
			"## Eras\n- **E1. A cut.** `Stock.Take` in `edge/allotment`\n## Faults that were met\n| P1 | a copy | `TestP1*` |\n",
		"README.md":  "[how](ARCHITECTURE.md), `TestOwner`",
		"shard/a.go": "package shard\n// Take is row 2 (I1), by ledger time.\nfunc (s *Stock) Take() {}\n",
		"shard/a_test.go": "package shard\nimport \"spike/bench/rig/rigtest\"\n// P1: a copy.\n" +
			"func TestP1Copy(t *testing.T) {}\nfunc TestOwner(t *testing.T) {}\n",
		"luascripts/lua/script/lease.lua": "-- rows 1 and 2 (E1)\n",
		"edge/allotment/b.go":             "package allotment\n",
		"cmd/spike/bench.go":              "package main\nimport \"spike/bench/price\"\n",
		"bench/price/price.go":            "package price\nimport \"spike/bench/rig\"\n",
	}
}

// Each planted fault is found, and nothing else is.
func TestArchitectureIsHeldToTheCode(t *testing.T) {
	if wrong := faultsOf(small()); len(wrong) > 0 {
		t.Fatal(wrong)
	}
	for _, c := range []planted{
		{"shard/a.go", "(I1)", "I9", "shard/a.go cites I9"},
		{"shard/a.go", "row 2", "rows 2, 3", "cites row 3"},
		{"shard/a.go", "func", "var w = \"it is back (D\" + \"7)\"\nfunc", ""}, // two strings are no citation
		{"shard/a.go", "func", "var w = `O7: a fault`\nfunc", "cites O7"},
		{"shard/a.go", "// Take", "// DESIGN says so: Take", "is not in the repository"},
		{"shard/a.go", "by ledger time", "by now", "no source uses the term ledger time"},
		{"shard/a_test.go", "TestP1Copy", "TestP2Copy", "cites P2"},
		{"shard/a_test.go", "TestP1Copy", "TestCopy", "names TestP1*"},
		{"shard/a_test.go", "TestOwner", "TestOwners", "README.md names TestOwner"},
		{"luascripts/lua/script/lease.lua", "E1", "E2", "luascripts/lua/script/lease.lua cites E2"},
		{"README.md", "ARCHITECTURE", "DOCUMENT", "README.md has no link"},
		{"README.md", "how", "A1", "README.md cites A1"},
		{architecture, "I1. One", "I2. One", "cites I1"},
		{architecture, "`TestOwner`, ", "", "I1 names no test"},
		{architecture, "| 1 | free |", "", "cites row 1"},
		{architecture, "- **E1", "- **I1. Again.** `TestOwner`\n- **E1", ""}, // under Eras it is no second entry
		{architecture, "| P1 |", "| P1 | x | `TestOwner` |\n| P1 |", "P1 has two entries"},
		{architecture, "shard/a.go", "shard/c.go", "no file shard/c.go"},
		{architecture, "lease.lua", "leases.lua", "no file leases.lua"},
		{architecture, "edge/allotment", "edge/shares", "no folder edge/shares"},
		{architecture, "Stock.Take", "Stock.Give", "no source has a word Give"},
		{architecture, "(#the-life", "(#a-life", "nothing is at #a-life"},
		{"shard/a.go", "// Take", "import \"spike/bench\"\n// Take", "shard/a.go imports spike/bench"},
		{"shard/a.go", "// Take", "import \"spike/bench/rig/rigtest\"\n// Take", "shard/a.go imports spike/bench/rig/rigtest"},
		{"shard/a.go", "// Take", "import \"spike/benches\"\n// Take", ""},
		{"shard/a_test.go", "rig/rigtest", "rig", "shard/a_test.go imports spike/bench/rig"},
	} {
		c.plant(t, small(), faultsOf)
	}
}

// planted is a change of a file that a check of files must find.
type planted struct{ file, old, fresh, finding string } // finding "": the change is no fault

func (c planted) plant(t *testing.T, files tree, check func(tree) []string) {
	t.Helper()
	before := files[c.file]
	if files[c.file] = strings.Replace(before, c.old, c.fresh, 1); files[c.file] == before {
		t.Errorf("%s has no %q", c.file, c.old)
	}
	found := check(files)
	if c.finding == "" && len(found) > 0 || !strings.Contains(strings.Join(found, "\n"), c.finding) {
		t.Errorf("%q in place of %q in %s: found %q, not %q", c.fresh, c.old, c.file, found, c.finding)
	}
}
