using PageEngine.Cli;
using PageEngine.Cli.Commands;

return await CommandLine.RunAsync(args, Host.FromProcess());
