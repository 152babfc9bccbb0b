/** Made by tables.mjs: 52 colours each, evenly apart, red, green and blue, in base64. */
export const TABLES: Record<string, string> = {
  inferno:
    "AAAEAgIMBQQXCgciEAktFgs5HgxFJgxRLwpbOAliQApnSQtqUQ5sWRBuYRNuaRZucRlueBxtgB9siCJqkCVomCdmoCpjqC5fsDFbtzVXvzlSxj1NzEJI00dD2U0931M35Fox6WEr7Wkl8XEf9HkY94IS+YsL+pQH+50H/KYM/LAU+7of+sQq+M039tdG9OFW8upp8vJ99fmS/P+k",
  viridis:
    "RAFURghcRxBjSBdpSB1vSCR1Ryp6RjB+RTeBQz2EQUKHP0iJPU6KOlOLOFmMNV6NM2ONMWiOLm2OLHGOKnaOKXuOJ4COJYSOI4mOIY6NIJKMH5eLHpyJH6GIIaWFJKqDKK6ALrN8Nbd5Pbx0RsBvUMRqWshkZctecM9XfNJQidVIldhAoto3sN0vvd8myuEf2OIZ5eQZ8eUd/ecl",
  magma:
    "AAAEAgILBQQWCQcgDgsrFA42GhBCIRFOKRFaMRFlOQ9uQg91ShB5UhN8WhZ+YhmAahyBch+BeSKCgSWBiSiBkSuBmS2AoTB+qjN9sjV7ujh4wjt1yj5y0kJv2UZr4Exn51Jj7Fhg8WBd9Glc93Jc+Xtd+4Vg/I5k/Zhp/qFu/qp0/rR7/r2C/saK/s+S/tia/eKj/eus/PS2/P2/",
  turbo:
    "IxcbNiNUQi+DSTyoS0nFSlbbRmTqQXLzPID4No35MJv2K6fwKLToJr/fJcrTJtTIKd27LuWuNeyhPvKVSPeIVPp9Yf1xb/5nfv1djfxVnPlNrPVGu/A/yek61+I149kx7tAt98Uq/rkn/60l/6Ai/5Mg/4Ue/3gc/GoZ9FwX6k8U30IS0zYPxioLuSEIrBgFoRICmA4AkgwAkAwA",
  RdBu_r:
    "BTBhCjtwEEV+Fk+LG1qYIWSiKG2rLnayNoC5Pom+SJLDVJvIYaXNb67SfbfXi8Dbmcfgps/jstXnvtvqyeHt0+bw2+rx4+3y6u/y7/Dw9O/s9+zm+eje+uLV+9vK+tO/+sqz+MGm9raa86uN75+B65J25oVr4Hhh2mtX1F1OzU9GxkE/vjU5tSkzqh8unxcqkhAnhAokdgUhZwAf",
};
