using System.Buffers.Binary;

namespace PageEngine.Qemu.Tests.Machines;

// A guest in 512 bytes: it increments one byte of every page from 1 MiB up to an end, for ever, and sends a 'B' over the
// serial line after each pass. Its memory proves itself: read while it stands still, the bytes are all equal, or fall by
// one at a single place, which is where the guest was. A page that was lost or is older shows as another edge.
internal static class BootSector
{
    internal const long FirstByte = 1 << 20;

    // Assembled from:
    //   cli; xorw %ax,%ax; movw %ax,%ds; inb $0x92,%al; orb $2,%al; outb %al,$0x92      address line 20 on
    //   lgdt 0x7c78; movl %cr0,%eax; orb $1,%al; movl %eax,%cr0; ljmp $8,$0x7c1d           32 bits, flat
    //   movw $16,%ax; movw %ax,%ds; movw %ax,%es; movw %ax,%ss
    //         movl $0x100000,%eax
    //   clear: movb $0,(%eax); addl $0x1000,%eax; cmpl 0x7df8,%eax; jne clear
    //   pass: movl $0x100000,%eax
    //   next: incb (%eax); addl $0x1000,%eax; cmpl 0x7df8,%eax; jne next
    //         incl 0x8000; movw $0x3f8,%dx; movb $'B',%al; outb %al,%dx; jmp pass
    private static readonly byte[] _code = Convert.FromHexString(
        "fa31c08ed8e4920c02e6920f0116787c0f20c00c010f22c0ea1d7c080066b810008ed88ec08ed0b800001000c6000005001000003b05f87d000075f0"
        + "b800001000fe0005001000003b05f87d000075f1ff050080000066baf803b042eeebdd");

    // Null, then code and data over all 4 GiB; their table's length and place.
    private static readonly byte[] _segments = Convert.FromHexString("0000000000000000ffff0000009acf00ffff00000092cf001700607c0000");

    /// <summary>Makes the sector.</summary>
    /// <param name="end">The address behind the last page that is written; a multiple of 4096.</param>
    internal static byte[] Build(long end)
    {
        byte[] sector = new byte[512];
        _code.CopyTo(sector, 0);
        _segments.CopyTo(sector, 0x60);
        BinaryPrimitives.WriteUInt32LittleEndian(sector.AsSpan(504), (uint)end);
        sector[510] = 0x55;
        sector[511] = 0xaa;
        return sector;
    }

    /// <summary>Counts the edges in the memory of a guest that stands still.</summary>
    /// <param name="memory">All of its memory.</param>
    /// <param name="end">As given to <see cref="Build"/>.</param>
    /// <returns>What is wrong; null when the memory is consistent.</returns>
    internal static string? Judge(Func<long, byte> memory, long end)
    {
        byte first = memory(FirstByte);
        byte expected = first;
        int edges = 0;
        for (long address = FirstByte; address < end; address += 4096)
        {
            byte value = memory(address);
            if (value != expected)
            {
                if (value != (byte)(expected - 1) || edges++ > 0)
                {
                    return $"at 0x{address:x} stands {value} after {expected}; the first page has {first}, edges before: {edges}";
                }

                expected = value;
            }
        }

        return null;
    }
}
