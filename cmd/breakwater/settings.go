package main

import (
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/breakwater-project/breakwater/internal/app"
	"github.com/breakwater-project/breakwater/internal/config"
)

// settings are the flags by which a command is configured; those that were
// given go over the environment and the file.
type settings struct {
	file  string
	flags map[string]*string // by name of setting
}

// bind adds the flags: --config, and one for each setting, name by name.
func bind(cmd *cobra.Command, names map[string]string) *settings {
	s := &settings{flags: map[string]*string{}}
	cmd.Flags().StringVar(&s.file, "config", "", "configuration file (YAML)")
	defaults, err := config.Load(config.Source{})
	if err != nil {
		panic(err) // the defaults are tested
	}
	for _, setting := range defaults.Settings() {
		if flag, ok := names[setting.Name]; ok {
			s.flags[setting.Name] = cmd.Flags().String(flag, setting.Default, setting.Doc)
		}
	}
	return s
}

// load is the effective configuration.
func (s *settings) load(cmd *cobra.Command, names map[string]string) (*config.Config, error) {
	given := map[string]string{}
	for name, value := range s.flags {
		if cmd.Flags().Changed(names[name]) {
			given[name] = *value
		}
	}
	return config.Load(config.Source{File: s.file, Environ: os.Environ(), Flags: given})
}

// storage are the flags of commands that open a server's data.
var storage = map[string]string{"data": "data", "db": "db"}

// serving are the flags of commands that serve.
var serving = map[string]string{"data": "data", "db": "db", "addr": "addr", "policy.dir": "policy"}

func newConfig() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "The effective configuration, secrets masked, and where each setting comes from",
		Args:  cobra.NoArgs,
	}
	s := bind(cmd, serving)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		cfg, err := s.load(cmd, serving)
		if err != nil {
			return err
		}
		_, err = cfg.WriteTo(cmd.OutOrStdout())
		return failed(err)
	}
	return cmd
}

// options is what the process gives to the program.
func options(log io.Writer) app.Options { return app.Options{Version: buildVersion(), Log: log} }
