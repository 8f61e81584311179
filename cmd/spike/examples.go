package main

import (
	_ "embed"
	"strings"

	"golang.org/x/tools/txtar"
)

//go:embed examples.txt
var exampleText string

// examples are the examples of each command, as its help shows them: lines to type, below a comment each.
var examples = func() map[string]string {
	all := map[string]string{}
	for _, f := range txtar.Parse([]byte(exampleText)).Files {
		var text strings.Builder
		for line := range strings.Lines(string(f.Data)) {
			text.WriteString("    " + line)
		}
		all[f.Name] = text.String()
	}
	return all
}()
