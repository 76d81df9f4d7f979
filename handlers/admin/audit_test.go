package admin

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"till/models"

	page "till/views/admin"
)

// variables are the actions that are said by a variable, by the file and the
// words of the code: what they can be is written here by hand.
var variables = map[string][]string{
	"product.go action":  {"product_archived", "product_restored"},
	"closes.go f.action": nil, // constants, which are found where they are made
}

// Everything that the program writes into the audit has words there, and can be
// chosen. The actions are read from the source: of the events and operations,
// which staff bring about, and of every line that is written by itself.
func TestAudit_Words(t *testing.T) {
	t.Parallel()
	actions := map[string]string{} // where each was found
	for _, a := range models.StaffActions() {
		actions[a] = "models.StaffActions"
	}
	consts := map[string]string{}
	var files []*ast.File
	names := map[*ast.File]string{}
	for _, root := range []string{"../../models", ".", "../../cashier", "../../cmd/till"} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			f, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
			if err != nil {
				return err
			}
			files, names[f] = append(files, f), filepath.Base(path)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range files {
		ast.Inspect(f, func(n ast.Node) bool {
			v, ok := n.(*ast.ValueSpec)
			if !ok || len(v.Names) != 1 || len(v.Values) != 1 {
				return true
			}
			lit, ok := v.Values[0].(*ast.BasicLit)
			if !ok || lit.Kind != token.STRING {
				return true
			}
			text, err := strconv.Unquote(lit.Value)
			if err != nil {
				t.Fatal(err)
			}
			consts[v.Names[0].Name] = text
			if kind, ok := v.Type.(*ast.Ident); ok && (kind.Name == "EventKind" || kind.Name == "OperationKind") {
				actions[text] = names[f]
			}
			return true
		})
	}
	for _, f := range files {
		ast.Inspect(f, func(n ast.Node) bool {
			c, ok := n.(*ast.CompositeLit)
			if !ok || !strings.HasSuffix("."+said(c.Type), ".Audit") {
				return true
			}
			for _, e := range c.Elts {
				kv, ok := e.(*ast.KeyValueExpr)
				if !ok || said(kv.Key) != "Action" {
					continue
				}
				text := said(kv.Value)
				word, isConst := consts[text[strings.LastIndex(text, ".")+1:]]
				many, isVariable := variables[names[f]+" "+text]
				switch {
				case strings.HasPrefix(text, `"`):
					actions[strings.Trim(text, `"`)] = names[f]
				case isConst:
					actions[word] = names[f]
				case isVariable:
					for _, one := range many {
						actions[one] = names[f]
					}
				case text == "string(…)": // of an event
				default:
					t.Errorf("%s: what is %s as an action? Make it a constant, or say so in this test", names[f], text)
				}
			}
			return true
		})
	}
	for name, text := range consts {
		if strings.HasPrefix(name, "Audit") {
			actions[text] = name
		}
	}
	if len(actions) < 40 {
		t.Fatalf("only %d actions were found: %v", len(actions), actions)
	}
	for a, where := range actions {
		if !page.AuditAction(a).Known() {
			t.Errorf("%s of %s has no words in views/admin/audit.go", a, where)
		}
	}
	for _, a := range models.StaffActions() {
		if !page.AuditAction(a).Offered() {
			t.Errorf("%s cannot be chosen", a)
		}
	}
}

// said is an expression as the source has it.
func said(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return said(e.X) + "." + e.Sel.Name
	case *ast.BasicLit:
		return e.Value
	case *ast.CallExpr:
		return said(e.Fun) + "(…)"
	default:
		return "?"
	}
}
