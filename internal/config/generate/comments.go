package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"path/filepath"
	"reflect"
	"strings"
)

const module = "github.com/shoal-tracker/shoal"

// comments reads the doc comments of struct fields out of the source.
type comments struct {
	root    string
	structs map[string]map[string]string // package and type → field → comment
}

func (c *comments) of(owner reflect.Type, field string) (string, error) {
	name := owner.PkgPath() + "." + owner.Name()
	if c.structs[name] == nil {
		if err := c.read(owner.PkgPath()); err != nil {
			return "", err
		}
	}
	comment := strings.TrimSpace(c.structs[name][field])
	if comment == "" {
		return "", fmt.Errorf("%s.%s has no doc comment: users would read nothing about it", name, field)
	}
	return comment, nil
}

func (c *comments) read(pkg string) error {
	dir := filepath.FromSlash(strings.TrimPrefix(strings.TrimPrefix(pkg, module), "/"))
	files, err := filepath.Glob(filepath.Join(c.root, dir, "*.go"))
	if err != nil {
		return fmt.Errorf("listing %s: %w", dir, err)
	}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			return fmt.Errorf("reading the comments of %s: %w", path.Base(name), err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			if s, ok := spec.Type.(*ast.StructType); ok {
				fields := map[string]string{}
				for _, f := range s.Fields.List {
					for _, id := range f.Names {
						fields[id.Name] = f.Doc.Text()
					}
				}
				c.structs[pkg+"."+spec.Name.Name] = fields
			}
			return false
		})
	}
	return nil
}
