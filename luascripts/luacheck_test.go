package luascripts

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/yuin/gopher-lua/ast"
	"github.com/yuin/gopher-lua/parse"

	"spike/luascripts/ledger"
)

// Lua would notice these only when the line runs, or never: an undeclared name, a local that hides another, a value written
// to a table that all share, a function that its lib does not have, a field that the ledger does not have, and something that
// one run of a script would leave for the next one.

// builtins are the names that Redis gives a script.
var builtins = []string{"redis", "struct", "string", "math", "table", "ipairs", "pairs", "unpack", "tonumber",
	"tostring", "type", "setmetatable",
	"rawget", "loadstring", "KEYS", "ARGV"}

// Lua's own limits, of one function.
const (
	luaLocals   = 200
	luaUpvalues = 60
)

// checker checks one file.
type checker struct {
	file   string
	scope  *scope
	fields map[string]map[string]bool // of tables that are closed: another field is an error
	wrongs []string
	used   map[string]bool // names from outside, and fields as Table.field
	lasts  bool            // what the file makes at its top lasts from run to run: it is a lib
}

// scope is a block. function: it is the body of a function.
type scope struct {
	above    *scope
	names    map[string]*name
	upvalues map[string]bool // of a function
}

type name struct {
	line int // 0: from outside of the file
	read bool
}

func (c *checker) wrong(line int, format string, args ...any) {
	c.wrongs = append(c.wrongs, fmt.Sprintf("%s.lua:%d: %s", c.file, line, fmt.Sprintf(format, args...)))
}

// find is the local of that name, as it is seen here. If it is outside the function, it becomes an upvalue there.
func (c *checker) find(id string) *name {
	var crossed []*scope
	for s := c.scope; s != nil; s = s.above {
		if n := s.names[id]; n != nil {
			for _, f := range crossed {
				f.upvalues[id] = true
			}
			return n
		}
		if s.upvalues != nil {
			crossed = append(crossed, s)
		}
	}
	return nil
}

func (c *checker) declare(line int, ids ...string) {
	for _, id := range ids {
		if id == "_" {
			continue
		}
		if n := c.find(id); n != nil && n.line == 0 {
			c.wrong(line, "%s hides what all files share", id)
		} else if n != nil {
			c.wrong(line, "%s hides that of line %d", id, n.line)
		}
		c.scope.names[id] = &name{line: line}
	}
}

func (c *checker) inside(f *scope, do func()) {
	f.names, f.above = map[string]*name{}, c.scope
	c.scope = f
	do()
	for id, n := range f.names {
		if !n.read {
			c.wrong(n.line, "nobody reads %s", id)
		}
	}
	c.scope = f.above
}

func (c *checker) block(list []ast.Stmt) { c.inside(&scope{}, func() { c.stmts(list) }) }

func (c *checker) stmts(list []ast.Stmt) {
	for _, s := range list {
		c.stmt(s)
	}
}

func (c *checker) stmt(s ast.Stmt) {
	switch s := s.(type) {
	case *ast.LocalAssignStmt:
		if len(s.Exprs) == 1 && len(s.Names) == 1 {
			if f, ok := s.Exprs[0].(*ast.FunctionExpr); ok {
				c.declare(s.Line(), s.Names...) // it may call itself
				c.function(f)
				return
			}
		}
		c.exprs(s.Exprs)
		c.declare(s.Line(), s.Names...)
	case *ast.AssignStmt:
		c.exprs(s.Rhs)
		for _, to := range s.Lhs {
			c.target(to)
		}
	case *ast.FuncCallStmt:
		c.expr(s.Expr)
	case *ast.DoBlockStmt:
		c.block(s.Stmts)
	case *ast.WhileStmt:
		c.expr(s.Condition)
		c.block(s.Stmts)
	case *ast.IfStmt:
		c.expr(s.Condition)
		c.block(s.Then)
		c.block(s.Else)
	case *ast.NumberForStmt:
		c.exprs([]ast.Expr{s.Init, s.Limit, s.Step})
		c.loop(s.Line(), []string{s.Name}, s.Stmts)
	case *ast.GenericForStmt:
		c.exprs(s.Exprs)
		c.loop(s.Line(), s.Names, s.Stmts)
	case *ast.FuncDefStmt:
		c.target(s.Name.Func)
		c.function(s.Func)
	case *ast.ReturnStmt:
		c.exprs(s.Exprs)
	case *ast.BreakStmt:
	default:
		c.wrong(s.Line(), "a %T is not looked at", s)
	}
}

func (c *checker) loop(line int, names []string, body []ast.Stmt) {
	c.inside(&scope{}, func() {
		c.declare(line, names...)
		c.stmts(body)
	})
}

// target is what is assigned to.
func (c *checker) target(to ast.Expr) {
	id, plain := to.(*ast.IdentExpr)
	if !plain {
		c.expr(to)
		if in, of := to.(*ast.AttrGetExpr); of {
			c.changed(in.Object)
		}
		return
	}
	switch n := c.find(id.Value); {
	case n == nil:
		c.wrong(to.Line(), "%s is written, and no local is called so", id.Value)
	case n.line == 0:
		c.wrong(to.Line(), "%s is written, which all files share", id.Value)
	case c.left(id.Value):
		c.wrong(to.Line(), "%s is written, and lasts from run to run", id.Value)
	}
}

// changed is a table of which something is changed. L and Run are a run's own.
func (c *checker) changed(table ast.Expr) {
	id, plain := table.(*ast.IdentExpr)
	if !plain || id.Value == "L" || id.Value == "Run" {
		return
	}
	if n := c.find(id.Value); n != nil && (n.line == 0 || c.left(id.Value)) {
		c.wrong(table.Line(), "%s is changed, and lasts from run to run", id.Value)
	}
}

// left says that a run, which is in a function here, would leave a local of the file for the next run.
func (c *checker) left(id string) bool {
	inside := false
	for s := c.scope; s != nil; s = s.above {
		if s.names[id] != nil {
			return c.lasts && inside && !s.within()
		}
		inside = inside || s.upvalues != nil && s.within()
	}
	return false
}

// within says that a block is within a function of the file. Around the file are the names from outside.
func (s *scope) within() bool {
	functions := 0
	for ; s != nil; s = s.above {
		if s.upvalues != nil {
			functions++
		}
	}
	return functions > 1
}

func (c *checker) exprs(list []ast.Expr) {
	for _, e := range list {
		c.expr(e)
	}
}

func (c *checker) expr(e ast.Expr) {
	switch e := e.(type) {
	case nil, *ast.TrueExpr, *ast.FalseExpr, *ast.NilExpr, *ast.NumberExpr, *ast.StringExpr, *ast.Comma3Expr:
	case *ast.IdentExpr:
		n := c.find(e.Value)
		if n == nil {
			c.wrong(e.Line(), "%s is read, and nobody has declared it", e.Value)
			return
		}
		n.read = true
		if n.line == 0 {
			c.used[e.Value] = true
		}
	case *ast.AttrGetExpr:
		c.field(e)
		c.exprs([]ast.Expr{e.Object, e.Key})
	case *ast.TableExpr:
		for _, f := range e.Fields {
			c.exprs([]ast.Expr{f.Key, f.Value})
		}
	case *ast.FuncCallExpr:
		c.exprs(append([]ast.Expr{e.Func, e.Receiver}, e.Args...))
		if in, of := e.Func.(*ast.AttrGetExpr); of && len(e.Args) > 0 && changes(in) {
			c.changed(e.Args[0])
		}
	case *ast.FunctionExpr:
		c.function(e)
	case *ast.LogicalOpExpr:
		c.exprs([]ast.Expr{e.Lhs, e.Rhs})
	case *ast.RelationalOpExpr:
		c.exprs([]ast.Expr{e.Lhs, e.Rhs})
	case *ast.StringConcatOpExpr:
		c.exprs([]ast.Expr{e.Lhs, e.Rhs})
	case *ast.ArithmeticOpExpr:
		c.exprs([]ast.Expr{e.Lhs, e.Rhs})
	case *ast.UnaryMinusOpExpr:
		c.expr(e.Expr)
	case *ast.UnaryNotOpExpr:
		c.expr(e.Expr)
	case *ast.UnaryLenOpExpr:
		c.expr(e.Expr)
	default:
		c.wrong(e.Line(), "a %T is not looked at", e)
	}
}

// changes says whether a function of Lua changes its first argument.
func changes(f *ast.AttrGetExpr) bool {
	of, plain := f.Object.(*ast.IdentExpr)
	key, named := f.Key.(*ast.StringExpr)
	return plain && named && of.Value == "table" && slices.Contains([]string{"insert", "remove", "sort"}, key.Value)
}

// field looks at Table.field.
func (c *checker) field(e *ast.AttrGetExpr) {
	of, plain := e.Object.(*ast.IdentExpr)
	key, named := e.Key.(*ast.StringExpr)
	if !plain || !named {
		return
	}
	if fields := c.fields[of.Value]; fields != nil && !fields[key.Value] {
		c.wrong(e.Line(), "%s has no %s", of.Value, key.Value)
	}
	c.used[of.Value+"."+key.Value] = true
}

func (c *checker) function(f *ast.FunctionExpr) {
	own := &scope{upvalues: map[string]bool{}}
	c.inside(own, func() {
		c.declare(f.Line(), f.ParList.Names...)
		for _, id := range f.ParList.Names {
			if n := own.names[id]; n != nil {
				n.read = true // a caller gives it, read or not
			}
		}
		c.stmts(f.Stmts)
	})
	if len(own.upvalues) > luaUpvalues {
		c.wrong(f.Line(), "a function with %d upvalues", len(own.upvalues))
	}
}

// parsed is a file's text as Lua reads it.
func parsed(t *testing.T, kind, name string) []ast.Stmt {
	t.Helper()
	list, err := parse.Parse(strings.NewReader(source(kind, name)), name+".lua")
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// localsOf are the names that a text declares at its top.
func localsOf(list []ast.Stmt) (names []string) {
	for _, s := range list {
		if l, ok := s.(*ast.LocalAssignStmt); ok {
			names = append(names, l.Names...)
		}
	}
	return names
}

// unset are the locals of a text's top that have no value there.
func unset(list []ast.Stmt) (names []string) {
	for _, s := range list {
		if l, ok := s.(*ast.LocalAssignStmt); ok && len(l.Exprs) == 0 {
			names = append(names, l.Names...)
		}
	}
	return names
}

// keysOf are the keys of a table, as it is written down.
func keysOf(e ast.Expr) map[string]bool {
	keys := map[string]bool{}
	for _, f := range e.(*ast.TableExpr).Fields {
		if key, ok := f.Key.(*ast.StringExpr); ok {
			keys[key.Value] = true
		} else if word, ok := f.Value.(*ast.StringExpr); ok {
			keys[word.Value] = true
		}
	}
	return keys
}

// valueOf is what a text assigns to a local of its own.
func valueOf(t *testing.T, list []ast.Stmt, id string) ast.Expr {
	t.Helper()
	for _, s := range list {
		if l, ok := s.(*ast.LocalAssignStmt); ok && len(l.Exprs) == len(l.Names) && slices.Contains(l.Names, id) {
			return l.Exprs[slices.Index(l.Names, id)]
		}
	}
	t.Fatalf("nothing is called %s", id)
	return nil
}

// begun are what base.lua's begin_run sets, and the first fields of Run.
func begun(t *testing.T) (names []string, run map[string]bool) {
	t.Helper()
	for _, s := range valueOf(t, parsed(t, "lib", "base"), "begin_run").(*ast.FunctionExpr).Stmts {
		set, ok := s.(*ast.AssignStmt)
		for i := 0; ok && i < len(set.Lhs); i++ {
			names = append(names, set.Lhs[i].(*ast.IdentExpr).Value)
			if names[len(names)-1] == "Run" {
				run = keysOf(set.Rhs[i])
			}
		}
	}
	return names, run
}

// tableFields are the fields of the tables that all files share: what each lib returns, the ledger's fields in L, and the
// first fields of Run.
func tableFields(t *testing.T) map[string]map[string]bool {
	_, run := begun(t)
	fields := map[string]map[string]bool{"L": {}, "Run": run}
	for _, list := range []string{"NUMBERS", "WORDS", "UNREAD"} {
		maps.Copy(fields["L"], keysOf(valueOf(t, parsed(t, "lib", "ledger"), list)))
	}
	for _, lib := range luaFiles(t, "lib") {
		list := parsed(t, "lib", lib)
		if back, ok := list[len(list)-1].(*ast.ReturnStmt); ok {
			fields[table(lib)] = keysOf(back.Exprs[0])
		}
	}
	return fields
}

// checkLua checks a file that may use the names given. Returns which of them it uses, and what is wrong.
func checkLua(file string, list []ast.Stmt, given []string,
	fields map[string]map[string]bool) (used map[string]bool, wrongs []string) {
	c := &checker{file: file, fields: fields, used: map[string]bool{}, scope: &scope{names: map[string]*name{}},
		lasts: strings.HasPrefix(file, "lib/")}
	for _, id := range given {
		c.scope.names[id] = &name{}
	}
	c.inside(&scope{upvalues: map[string]bool{}}, func() {
		c.stmts(list)
		if file == "lib/base" {
			for _, n := range c.scope.names {
				n.read = true // by others
			}
		}
	})
	return c.used, c.wrongs
}

func TestLuaIsSound(t *testing.T) {
	bounds, err := parse.Parse(strings.NewReader(lua(ledger.DefaultBounds())), "bounds")
	if err != nil {
		t.Fatal(err)
	}
	base, fields := parsed(t, "lib", "base"), tableFields(t)
	shared := slices.Concat(builtins, localsOf(bounds), localsOf(base))
	its, _ := begun(t)
	set := regexp.MustCompile(`: (\w+) is written, and lasts from run to run$`)
	for _, id := range unset(base) {
		if !slices.Contains(its, id) {
			t.Errorf("begin_run of base.lua does not set %s", id)
		}
	}
	used := map[string]bool{"begin_run": true} // Go puts it before each script
	for _, kind := range []string{"lib", "script"} {
		for _, file := range luaFiles(t, kind) {
			given := slices.Clone(shared)
			needs := headOf(source(kind, file)).needs
			for _, lib := range needs {
				given = append(given, table(lib))
			}
			if file == "base" {
				given = slices.Concat(builtins, localsOf(bounds))
			} else if kind == "script" && needs == nil {
				given = builtins
			}
			uses, wrongs := checkLua(kind+"/"+file, parsed(t, kind, file), given, fields)
			for _, w := range wrongs {
				if file != "base" || !set.MatchString(w) || !slices.Contains(its, set.FindStringSubmatch(w)[1]) {
					t.Error(w)
				}
			}
			maps.Copy(used, uses)
			for _, lib := range needs {
				if !uses[table(lib)] {
					t.Errorf("%s.lua says that it needs %s, and does not", file, lib)
				}
			}
		}
	}
	for of, its := range fields {
		for field := range its {
			if of != "L" && !used[of+"."+field] {
				t.Errorf("nobody uses %s.%s", of, field)
			}
		}
	}
	for _, id := range slices.Concat(localsOf(bounds), localsOf(base)) {
		if !used[id] {
			t.Errorf("nobody uses %s", id)
		}
	}
}

// The check finds every fault that it is for.
func TestLuaCheckFinds(t *testing.T) {
	for text, want := range map[string]string{
		"local a = 1\nreturn b + a": "x.lua:2: b is read, and nobody has declared it",
		"b = 1":                     "x.lua:1: b is written, and no local is called so",
		"L = {}":                    "x.lua:1: L is written, which all files share",
		"local a = 1\nfor _, a in ipairs({a}) do return a end":    "x.lua:2: a hides that of line 1",
		"local a, a = 1, 2\nreturn a":                             "x.lua:1: a hides that of line 1",
		"local function f(L) return L end\nreturn f":              "x.lua:1: L hides what all files share",
		"local function f(a) if a then local a = 2 end end\nf(1)": "x.lua:1: a hides that of line 1",
		"local a = 1":      "x.lua:1: nobody reads a",
		"return Free.ad()": "x.lua:1: Free has no ad",
		"L.fre = 1":        "x.lua:1: L has no fre",
		"Run.sync = 1":     "x.lua:1: Run has no sync",
		"local a = 1\nlocal function f() a = 2 end":                "lib/x.lua:2: a is written, and lasts from run to run",
		"local a = {}\nlocal function f(b) a[b] = 2 end":           "lib/x.lua:2: a is changed, and lasts from run to run",
		"local a = {}\nlocal function f(b) table.insert(a, b) end": "lib/x.lua:2: a is changed, and lasts from run to run",
		"for a = 1, 2 do local function f() a = 2 end end":         "lib/x.lua:1: a is written, and lasts from run to run",
		"local function f() local a = 1 a = a + 1 end\nf()":        "",
		"Free.add = 1": "x.lua:1: Free is changed, and lasts from run to run",
	} {
		list := must[[]ast.Stmt](t)(parse.Parse(strings.NewReader(text), "x"))
		file := "x"
		if strings.HasPrefix(want, "lib/") || want == "" {
			file = "lib/x"
		}
		_, wrongs := checkLua(file, list, []string{"L", "Run", "Free", "ipairs", "table"}, tableFields(t))
		if want == "" && wrongs != nil || want != "" && !slices.Contains(wrongs, want) {
			t.Errorf("%q: %q, want %q", text, wrongs, want)
		}
	}
}

// Every assembled script is Lua, and so is the library, and far from the number of locals that Lua allows.
func TestAssembledScriptsAreLua(t *testing.T) {
	s := newScripts(ledger.DefaultBounds())
	check := func(name, text string) []ast.Stmt {
		_, text, _ = strings.Cut(text, "\n")
		list := must[[]ast.Stmt](t)(parse.Parse(strings.NewReader(text), name))
		if n := len(localsOf(list)); n > luaLocals*3/4 {
			t.Errorf("%s has %d locals at its top", name, n)
		}
		return list
	}
	for name, one := range s.named() {
		check(name, one.text)
	}
	library := check("the library", s.library.text)
	if n := len(localsOf(valueOf(t, library, "make").(*ast.FunctionExpr).Stmts)); n > luaLocals*3/4 {
		t.Errorf("make has %d locals", n)
	}
}
