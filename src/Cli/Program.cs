using PageEngine.Cli;
using PageEngine.Cli.Commands;
using PageEngine.Qemu.Injection;

return InjectionEntry.RunIfAsked(args) ?? await CommandLine.RunAsync(args, Host.FromProcess());
