package main

import (
	"embed"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

//go:embed completion
var completionScripts embed.FS

// CompletionCmd prints the script for a shell.
type CompletionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// Run prints it.
func (c *CompletionCmd) Run() error {
	script, err := completionScripts.ReadFile("completion/spike." + c.Shell)
	if err == nil {
		_, err = os.Stdout.Write(script)
	}
	return err
}

// CompleteCmd is what those scripts call. It gets the words after "spike" up to the cursor; the last one may be empty.
type CompleteCmd struct {
	Words []string `arg:"" optional:""`
}

// Run prints what the last word may become, each with a tab and what it means. If nothing is printed, the shell offers files.
func (c *CompleteCmd) Run(of *kong.Context) error {
	words := c.Words
	if len(words) > 0 && words[0] == "--" {
		words = words[1:]
	}
	var text strings.Builder
	for _, o := range complete(of.Model.Node, words) {
		fmt.Fprintf(&text, "%s\t%s\n", o.word, o.means)
	}
	_, err := os.Stdout.WriteString(text.String())
	return err
}

// offer is what a word may become.
type offer struct{ word, means string }

// complete reads the words before the last one as the parser would, and offers what the last one may become.
func complete(app *kong.Node, words []string) []offer {
	if len(words) == 0 {
		words = []string{""}
	}
	at := reading{command: app}
	for _, word := range words[:len(words)-1] {
		at.read(app, word)
	}
	last := words[len(words)-1]
	return slices.DeleteFunc(at.offers(last), func(o offer) bool { return !strings.HasPrefix(o.word, last) })
}

// reading is how far the words of a command line are read.
type reading struct {
	command *kong.Node
	args    int        // positional arguments so far
	value   *kong.Flag // the next word is this flag's value
}

// read reads a word.
func (r *reading) read(app *kong.Node, word string) {
	switch {
	case r.value != nil:
		r.value = nil
	case strings.HasPrefix(word, "-"):
		name, _, whole := strings.Cut(word, "=")
		if flag := r.flag(name); flag != nil && !flag.IsBool() && !whole {
			r.value = flag
		}
	default:
		if child := r.child(word); child == nil {
			r.args++
		} else if child.Name == "help" { // the words after it are a command
			r.command = app
		} else {
			r.command = child
		}
	}
}

func (r *reading) child(name string) *kong.Node {
	i := slices.IndexFunc(r.command.Children, func(n *kong.Node) bool { return n.Name == name && !n.Hidden })
	if i < 0 {
		return nil
	}
	return r.command.Children[i]
}

// flags are the flags that may come now. Those of a default command may come without its name.
func (r *reading) flags() (all []*kong.Flag) {
	for _, of := range r.command.AllFlags(true) {
		all = append(all, of...)
	}
	if d := r.command.DefaultCmd; d != nil {
		all = append(all, d.Flags...)
	}
	return all
}

// flag is the flag that a word is; nil: none.
func (r *reading) flag(word string) *kong.Flag {
	all := r.flags()
	i := slices.IndexFunc(all, func(f *kong.Flag) bool { return word == "--"+f.Name || f.Short != 0 && word == "-"+string(f.Short) })
	if i < 0 {
		return nil
	}
	return all[i]
}

// offers are what may come now, whatever of it was typed.
func (r *reading) offers(last string) (all []offer) {
	name, _, inFlag := strings.Cut(last, "=")
	switch flag := r.flag(name); {
	case r.value != nil:
		return values(r.value.Value, "")
	case inFlag && flag != nil:
		return values(flag.Value, name+"=")
	case strings.HasPrefix(last, "-"):
		for _, f := range r.flags() {
			all = append(all, offer{"--" + f.Name, f.Help})
		}
		return all
	}
	for _, child := range r.command.Children {
		if !child.Hidden && r.args == 0 {
			all = append(all, offer{child.Name, child.Help})
		}
	}
	if r.args < len(r.command.Positional) {
		all = append(all, values(r.command.Positional[r.args], "")...)
	}
	return all
}

// values are the values that a flag or an argument may have, if they are few.
func values(v *kong.Value, before string) (all []offer) {
	if v.Enum == "" {
		return nil
	}
	for _, word := range v.EnumSlice() {
		all = append(all, offer{before + word, ""})
	}
	return all
}
