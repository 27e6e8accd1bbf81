package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"ready6/inventory"
)

func inventoryCommand(s streams) *cobra.Command {
	return group("inventory", "Check, import and show inventories and plans",
		inventoryCheckCommand(s), inventoryImportCommand(s), inventoryShowCommand(s))
}

func inventoryCheckCommand(s streams) *cobra.Command {
	c := &cobra.Command{
		Use:   "check [FILE...]",
		Short: "Report every fault of inventory files (and of --plan-file), with file, line and the mend",
		RunE: func(cmd *cobra.Command, files []string) error {
			cfg, err := load(cmd, s)
			if err != nil {
				return err
			}
			if f := cfg.text("inventory"); f != "" {
				files = append(files, f)
			} else if _, err := os.Stat(defaultInventory); err == nil && len(files) == 0 && cfg.text("plan-file") == "" {
				files = append(files, defaultInventory)
			}
			return inventoryCheck(cfg, s, files)
		},
	}
	return withSettings(c, "inventory", "plan-file")
}

func inventoryCheck(cfg config, s streams, files []string) error {
	if len(files) == 0 && cfg.text("plan-file") == "" {
		return usagef("nothing to check: name an inventory file, or a plan with --plan-file")
	}
	faulty := false
	for _, path := range files {
		raw, err := readFile(path)
		if err != nil {
			faulty = true
			fmt.Fprintln(s.err, "ready6: inventory: "+err.Error())
			continue
		}
		inv, err := inventory.Read(bytes.NewReader(raw), path)
		if err != nil {
			faulty = true
			fmt.Fprintln(s.err, strings.TrimRight(err.Error(), "\n"))
			continue
		}
		services := 0
		for range inv.All() {
			services++
		}
		fmt.Fprintf(s.out, "%s: in order: %d agencies, %d services, %d canaries\n", path, len(inv.Agencies), services, len(inv.Canaries))
	}
	if path := cfg.text("plan-file"); path != "" {
		plan, _, err := readPlan(cfg)
		if err != nil {
			faulty = true
			fmt.Fprintln(s.err, strings.TrimRight(err.Error(), "\n"))
		} else {
			targets := 0
			for _, p := range plan.Programmes {
				targets += len(p.Targets)
			}
			fmt.Fprintf(s.out, "%s: in order: %d programmes, %d targets\n", path, len(plan.Programmes), targets)
		}
	}
	if faulty {
		return told(exitUsage)
	}
	return nil
}

func inventoryImportCommand(s streams) *cobra.Command {
	var output string
	c := &cobra.Command{
		Use:   "import TABLE",
		Short: "Turn a CSV or XLSX table (one row a service) into inventory YAML",
		Long: `import reads a table with a header row, in Vietnamese or English: agency id, agency
name, kind, parent, host, service, port, visibility, exemption reason, approver and
end. It writes YAML to standard output, or to a new file with --output; an existing
file is never overwritten. All faults are reported at once and nothing is written.`,
		Example: "  ready6 inventory import services.xlsx --output inventory.yaml",
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			return inventoryImport(s, args[0], output)
		},
	}
	c.Flags().StringVarP(&output, "output", "o", "", "new file to write instead of standard output")
	return c
}

func inventoryImport(s streams, path, output string) error {
	format := strings.TrimPrefix(strings.ToLower(filepath.Ext(path)), ".")
	if format != "csv" && format != "xlsx" {
		return usagef("%s: a .csv or .xlsx file is wanted", path)
	}
	f, err := openFile(path)
	if err != nil {
		return usagef("import: %w", err)
	}
	defer f.Close()
	inv, err := inventory.Import(f, path, format)
	if err != nil {
		return usage(err)
	}
	var b bytes.Buffer
	if err := inventory.Write(&b, inv); err != nil {
		return failed(err)
	}
	if output == "" {
		_, err := s.out.Write(b.Bytes())
		return wrapFailed(err)
	}
	out, err := os.OpenFile(output, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	switch {
	case errors.Is(err, fs.ErrExist):
		return usagef("import: %s is there already and is not overwritten; name a file that does not exist yet", output)
	case err != nil:
		return usagef("import: %w", err)
	}
	if _, err := out.Write(b.Bytes()); err != nil {
		out.Close()
		return failed(err)
	}
	return wrapFailed(out.Close())
}

func wrapFailed(err error) error {
	if err == nil {
		return nil
	}
	return failed(err)
}

func inventoryShowCommand(s streams) *cobra.Command {
	return &cobra.Command{
		Use:   "show",
		Short: "Print the shipped province as YAML: agencies of the plan, ready for host names to be filled in",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := s.out.Write(inventory.ProvinceYAML())
			return wrapFailed(err)
		},
	}
}
