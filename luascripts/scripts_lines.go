package luascripts

import (
	"cmp"
	"regexp"
	"strconv"
	"strings"
)

// The file and the line of a script's lines, as Redis has them.

// placed is a file's place in a script: before it are so many of the script's lines.
type placed struct {
	file   string
	before int
	lines  int
}

// assembly is a script that is being assembled.
type assembly struct {
	text  strings.Builder
	files []placed
}

func (a *assembly) add(text string) { a.text.WriteString(text) }

// addFile adds lua/KIND/NAME.lua.
func (a *assembly) addFile(kind, name string) {
	text := source(kind, name)
	a.files = append(a.files, placed{kind + "/" + name + ".lua", strings.Count(a.text.String(), "\n"), strings.Count(text, "\n")})
	a.add(text)
}

// where is the file and the line of a line; "": it is of no file.
func where(files []placed, line int) string {
	for _, p := range files {
		if line > p.before && line <= p.before+p.lines {
			return p.file + ":" + strconv.Itoa(line-p.before)
		}
	}
	return ""
}

var (
	shaInError  = regexp.MustCompile(`script: ([0-9a-f]{40})`)
	lineInError = regexp.MustCompile(`@?user_(?:script|function):(\d+)`)
)

// filesIn are the files of the script, or of the library, that an error names.
func (s *scripts) filesIn(text string) []placed {
	if s.library.has(text) {
		return s.library.files
	}
	if sha := shaInError.FindStringSubmatch(text); sha != nil {
		for _, one := range s.named() {
			if one.sha == sha[1] {
				return one.files
			}
		}
	}
	return nil
}

// located replaces Redis' names of a script's lines in an error by their files and lines.
func (s *scripts) located(text string) string {
	files := s.filesIn(text)
	return lineInError.ReplaceAllStringFunc(text, func(found string) string {
		line, _ := strconv.Atoi(lineInError.FindStringSubmatch(found)[1])
		return cmp.Or(where(files, line), found)
	})
}
