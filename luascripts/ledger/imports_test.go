package ledger

import (
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The domain knows no store, and the embedded store knows no Redis.
func TestImports(t *testing.T) {
	for dir, allowed := range map[string][]string{".": {"spike/shard"}, "../memory": {"spike/shard", "spike/luascripts/ledger"}} {
		files, err := filepath.Glob(dir + "/*.go")
		if err != nil || len(files) == 0 {
			t.Fatal(dir, files, err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
			if err != nil {
				t.Fatal(err)
			}
			for _, imported := range f.Imports {
				path, _ := strconv.Unquote(imported.Path.Value)
				first, _, _ := strings.Cut(path, "/")
				if (first == "spike" || strings.Contains(first, ".")) && !slices.Contains(allowed, path) {
					t.Errorf("%s imports %s", file, path)
				}
			}
		}
	}
}
