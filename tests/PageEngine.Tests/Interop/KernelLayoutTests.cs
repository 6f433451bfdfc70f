using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Text;
using PageEngine.Interop;
using Xunit;

namespace PageEngine.Tests.Interop;

// A C compiler is the judge of every struct, number and offset that goes to the kernel.
public sealed class KernelLayoutTests
{
    private static readonly Type[] Structs =
    [
        typeof(Userfaultfd.uffdio_api),
        typeof(Userfaultfd.uffdio_range),
        typeof(Userfaultfd.uffdio_register),
        typeof(Userfaultfd.uffdio_writeprotect),
        typeof(PagemapScan.page_region),
        typeof(PagemapScan.pm_scan_arg),
    ];

    private static readonly Type[] Constants = [typeof(Userfaultfd), typeof(PagemapScan), typeof(TracingCalls)];

    [Fact]
    public void Structs_and_constants_match_the_kernel_headers()
    {
        string source = Generate(out int proofs);
        Assert.True(proofs > 60, $"only {proofs} proofs were generated");
        (int exitCode, string output) = Compile(source);
        Assert.True(exitCode == 0, output);
    }

    [Theory]
    [InlineData("0xC0606610", "0xC0606611")]
    [InlineData("offsetof(struct pm_scan_arg, walk_end) == 32", "offsetof(struct pm_scan_arg, walk_end) == 40")]
    [InlineData("sizeof(struct uffdio_register) == 32", "sizeof(struct uffdio_register) == 24")]
    public void Compiler_refuses_a_wrong_number(string right, string wrong)
    {
        string source = Generate(out _);
        Assert.Contains(right, source, StringComparison.Ordinal);
        (int exitCode, string output) = Compile(source.Replace(right, wrong, StringComparison.Ordinal));
        Assert.NotEqual(0, exitCode);
        Assert.Contains("static assertion failed", output, StringComparison.Ordinal);
    }

    private static string Generate(out int proofs)
    {
        StringBuilder c = new();
        c.AppendLine("#define _GNU_SOURCE");
        c.AppendLine("#include <stddef.h>\n#include <errno.h>\n#include <fcntl.h>\n#include <unistd.h>\n#include <sys/syscall.h>");
        c.AppendLine("#include <linux/userfaultfd.h>\n#include <linux/fs.h>\n#include \"pagemap_scan.h\"");
        proofs = 0;
        foreach (Type type in Structs)
        {
            Assert(c, ref proofs, $"sizeof(struct {type.Name}) == {Marshal.SizeOf(type)}");
            foreach (FieldInfo field in type.GetFields(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic))
            {
                Assert(c, ref proofs, $"offsetof(struct {type.Name}, {field.Name}) == {Marshal.OffsetOf(type, field.Name)}");
                Assert(c, ref proofs, $"sizeof(((struct {type.Name} *)0)->{field.Name}) == {Marshal.SizeOf(field.FieldType)}");
            }
        }

        foreach (Type type in Constants)
        {
            foreach (FieldInfo field in type.GetFields(BindingFlags.Static | BindingFlags.NonPublic | BindingFlags.Public))
            {
                if (field is { IsLiteral: true })
                {
                    ulong value = Convert.ToUInt64(field.GetRawConstantValue(), CultureInfo.InvariantCulture);
                    Assert(c, ref proofs, $"(unsigned long long)({field.Name}) == 0x{value:X}ULL");
                }
            }
        }

        Assert(c, ref proofs, $"SYS_userfaultfd == {Userfaultfd.SYS_userfaultfd}");
        return c.ToString();

        static void Assert(StringBuilder c, ref int proofs, string condition)
        {
            c.Append("_Static_assert(").Append(condition).Append(", \"").Append(condition.Replace("\"", "\\\"", StringComparison.Ordinal)).AppendLine("\");");
            proofs++;
        }
    }

    private static (int ExitCode, string Output) Compile(string source)
    {
        ProcessStartInfo start = new("gcc", ["-std=c11", "-fsyntax-only", "-I", Path.Combine(AppContext.BaseDirectory, "Interop"), "-x", "c", "-"])
        {
            RedirectStandardInput = true,
            RedirectStandardError = true,
        };
        try
        {
            using Process gcc = Process.Start(start)!;
            gcc.StandardInput.Write(source);
            gcc.StandardInput.Close();
            string output = gcc.StandardError.ReadToEnd();
            gcc.WaitForExit();
            return (gcc.ExitCode, output);
        }
        catch (Win32Exception e)
        {
            throw new InvalidOperationException("This test needs a C compiler and the kernel's headers: install gcc, libc6-dev and linux-libc-dev (./eng/test does).", e);
        }
    }
}
