//go:build !race

package main

import (
	"slices"
	"strings"
	"testing"
)

// parts are what a page says of a thing that can go wrong, in this order.
var parts = []string{"**You see**", "**Why**", "**Do**", "**Cost**"}

// unexplained returns the things of the page that can go wrong and of which it lacks a part. A thing may also be a link to its
// own page.
func unexplained(page string) (wrong []string) {
	things := strings.Split(section(page, "What can go wrong"), "\n### ")
	for _, thing := range things[1:] {
		title, text, _ := strings.Cut(thing, "\n")
		at := 0
		for _, part := range parts {
			next := strings.Index(text[at:], part)
			if next < 0 && !strings.HasPrefix(strings.TrimSpace(text), "See [") {
				wrong = append(wrong, title+" lacks "+part)
			}
			at += max(next, 0)
		}
	}
	if len(things) < 2 {
		wrong = append(wrong, "nothing can go wrong")
	}
	return wrong
}

func TestTroublesAreExplained(t *testing.T) {
	for _, w := range unexplained(readTree(t)["docs/operating.md"]) {
		t.Error(w)
	}
}

func TestUnexplainedTroublesAreFound(t *testing.T) {
	const page = "# P\n## What can go wrong\n\n### A disk\n\n**You see** a. **Why**: b. **Do** c. **Cost**: d.\n\n" +
		"### A log\n\nSee [it](x).\n\n## More\n"
	if wrong := unexplained(page); len(wrong) > 0 {
		t.Fatal(wrong)
	}
	for old, finding := range map[string]string{
		"**Why**: b. ":           "A disk lacks **Why**",
		"**You see** a.":         "A disk lacks **You see**",
		"**Do** c. **Cost**: d.": "A disk lacks **Do**",
		"See [":                  "A log lacks **Cost**",
		"What can":               "nothing can go wrong",
	} {
		if found := unexplained(strings.Replace(page, old, "", 1)); !slices.Contains(found, finding) {
			t.Errorf("without %q: %q, not %q", old, found, finding)
		}
	}
}
