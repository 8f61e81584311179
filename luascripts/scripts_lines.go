package luascripts

import (
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

// where is the file and the line of a line of the script; "": it is of no file.
func (s script) where(line int) string {
	for _, p := range s.files {
		if line > p.before && line <= p.before+p.lines {
			return p.file + ":" + strconv.Itoa(line-p.before)
		}
	}
	return ""
}

var (
	shaInError  = regexp.MustCompile(`script: ([0-9a-f]{40})`)
	lineInError = regexp.MustCompile(`@?user_script:(\d+)`)
)

// located replaces Redis' names of a script's lines in an error by their files and lines.
func (s *scripts) located(text string) string {
	sha := shaInError.FindStringSubmatch(text)
	if sha == nil {
		return text
	}
	for _, one := range s.named() {
		if one.sha != sha[1] {
			continue
		}
		text = lineInError.ReplaceAllStringFunc(text, func(found string) string {
			line, _ := strconv.Atoi(lineInError.FindStringSubmatch(found)[1])
			if where := one.where(line); where != "" {
				return where
			}
			return found
		})
	}
	return text
}
