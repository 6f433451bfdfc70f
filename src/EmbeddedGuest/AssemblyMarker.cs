namespace PageEngine.EmbeddedGuest;
internal static class AssemblyMarker;
