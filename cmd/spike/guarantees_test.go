//go:build !race

// These tests read sources and run nothing. The race detector would find nothing in them.

package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A test claims a guarantee by its id in the comment above the test. A test that has a fault's name claims those guarantees that
// name the fault. docs/guarantees.md lists each guarantee with its tests.

const guaranteesPage = "docs/guarantees.md"

var (
	guarantee   = regexp.MustCompile(`(?m)^- \*\*(G\d+)\. `)
	guaranteeID = regexp.MustCompile(`\bG\d+\b`)
	listedTests = regexp.MustCompile("\\*Tests:\\* ((?:`\\w+\\*?`(?:,\\s+)?)+)")
	testHead    = regexp.MustCompile(`(?m)^((?://.*\n)*)func ((?:Test|Fuzz)\w+)\(`)
)

// guarantees returns the page's guarantees, in its order: the id, and the tests that it lists.
func guarantees(page string) (ids []string, listed map[string][]string) {
	listed = map[string][]string{}
	at := guarantee.FindAllStringSubmatchIndex(page, -1)
	for i, m := range at {
		end := len(page)
		if i+1 < len(at) {
			end = at[i+1][0]
		}
		text, _, _ := strings.Cut(page[m[0]:end], "\n## ")
		id := page[m[2]:m[3]]
		ids = append(ids, id)
		if tests := listedTests.FindStringSubmatch(text); tests != nil {
			listed[id] = testName.FindAllString(tests[1], -1)
		}
	}
	return ids, listed
}

// claims returns the tests, each with the ids in the comment above it.
func claims(files tree) map[string][]string {
	claimed := map[string][]string{}
	for file, text := range files {
		if !strings.HasSuffix(file, "_test.go") {
			continue
		}
		for _, m := range testHead.FindAllStringSubmatch(text, -1) {
			claimed[m[2]] = append(claimed[m[2]], guaranteeID.FindAllString(m[1], -1)...)
		}
	}
	return claimed
}

// isNamed says whether a list names a test. TestP1* means the fault P1, and not P11.
func isNamed(list []string, test string) bool {
	return slices.ContainsFunc(list, func(name string) bool {
		begins, many := strings.CutSuffix(name, "*")
		rest, is := strings.CutPrefix(test, begins)
		return name == test || many && is && (rest == "" || rest[0] < '0' || rest[0] > '9')
	})
}

// unkept returns where the page and the tests differ.
func unkept(files tree) (wrong []string) {
	ids, listed := guarantees(files[guaranteesPage])
	claimed := claims(files)
	for i, id := range ids {
		if want := fmt.Sprintf("G%d", i+1); id != want {
			wrong = append(wrong, fmt.Sprintf("%s stands where %s should", id, want))
		}
		if len(listed[id]) == 0 {
			wrong = append(wrong, id+" lists no test")
		}
		for _, name := range listed[id] {
			wrong = append(wrong, unclaimed(id, name, claimed)...)
		}
	}
	for test, claims := range claimed {
		for _, id := range claims {
			if !isNamed(listed[id], test) {
				wrong = append(wrong, fmt.Sprintf("%s claims %s, which does not list it", test, id))
			}
		}
	}
	return wrong
}

// unclaimed returns what is wrong with a test in the list of a guarantee.
func unclaimed(id, name string, claimed map[string][]string) (wrong []string) {
	found := false
	for test := range claimed {
		found = found || isNamed([]string{name}, test)
	}
	if !found {
		return []string{fmt.Sprintf("%s lists %s, and there is no such test", id, name)}
	}
	if !strings.HasSuffix(name, "*") && !rowTest.MatchString(name) && !slices.Contains(claimed[name], id) {
		return []string{fmt.Sprintf("%s lists %s, which does not claim it", id, name)}
	}
	return nil
}

func TestGuarantees(t *testing.T) {
	files := readTree(t)
	if ids, _ := guarantees(files[guaranteesPage]); len(ids) < 50 {
		t.Errorf("only %d guarantees", len(ids))
	}
	for _, w := range unkept(files) {
		t.Error(w)
	}
}

// Each planted fault is found, and nothing else is.
func TestGuaranteesAreHeldToTheTests(t *testing.T) {
	small := func() tree {
		return tree{
			guaranteesPage: "# Page\n- **G1. A crowd.** All.\n  *Tests:* `TestCrowd`,\n  `FuzzRing`.\n" +
				"- **G2. A copy.** None.\n  *Tests:* `TestP1*`, `TestCrowd`, `TestP3TwoCuts`.\n\n## More\n`TestElse`\n",
			"a_test.go": "// A crowd buys: G1, G2.\nfunc TestCrowd(t *testing.T) {}\n\n" +
				"// It is read (G1).\nfunc FuzzRing(f *testing.F) {}\n",
			"b_test.go": "func TestP1Copy(t *testing.T) {}\n\nfunc TestP3TwoCuts(t *testing.T) {}\n\n// G9, apart.\n\nvar x int\n",
		}
	}
	if wrong := unkept(small()); len(wrong) > 0 {
		t.Fatal(wrong)
	}
	for _, c := range []planted{
		{guaranteesPage, "G2. A copy", "G3. A copy", "G3 stands where G2 should"},
		{guaranteesPage, "`TestCrowd`,\n  `FuzzRing`", "none", "G1 lists no test"},
		{guaranteesPage, "`FuzzRing`", "`FuzzRings`", "there is no such test"},
		{guaranteesPage, ",\n  `FuzzRing`", "", "FuzzRing claims G1, which does not list it"},
		{guaranteesPage, "`TestP1*`, ", "`TestP2*`, ", "G2 lists TestP2*, and there is no such test"},
		{"a_test.go", "G1, G2", "G1", "G2 lists TestCrowd, which does not claim it"},
		{"a_test.go", "(G1)", "(G4)", "FuzzRing claims G4"},
		{"b_test.go", "TestP1Copy", "TestP11Copy", "G2 lists TestP1*, and there is no such test"},
		{"b_test.go", "TestP3TwoCuts", "TestTwoCuts", "G2 lists TestP3TwoCuts, and there is no such test"},
	} {
		c.plant(t, small(), unkept)
	}
}
